import numpy as np
import pandas as pd
import pytest

from bench.cli import main
from reports import ReportError, Run, contrast
from reports.tables.across import across


@pytest.fixture
def two(write_run, tmp_path):
    """Two data sets on which SRG says the opposite, and energy in the mask the same; a is 0.2 better or worse."""
    folders = [write_run(tmp_path / name, {f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(20)}) for name in "xy"]
    for folder, srg in zip(folders, (0.2, -0.2), strict=True):
        scores = pd.read_parquet(folder / "scores.parquet")
        noise = 0.01 * np.random.default_rng(0).standard_normal(len(scores))
        first = scores["method"].eq("gradcam")
        gain = np.where(
            scores["metric"].eq("srg_probability"), srg, np.where(scores["metric"].eq("energy_in_mask"), 0.2, 0)
        )
        scores.assign(value=0.5 + noise + gain * first).to_parquet(folder / "scores.parquet")
    return folders


def test_where_they_agree_and_where_not(two):
    table = across([Run(folder) for folder in two]).set_index(["metric", "data"])
    assert table["agreement"].groupby("metric").first().to_dict() == {
        "srg_probability": "disagree",
        "energy_in_mask": "agree",
        "scatter_gap": "none decides",
    }
    row = table.loc[("srg_probability", "y")]
    assert (row["n"], row["verdict"]) == (20, "worse")
    assert row["mean_difference"] == pytest.approx(-0.2, abs=0.01)


def test_text_and_files(two, tmp_path):
    text = contrast(two, tmp_path / "out")
    assert "srg probability (right): disagree. x: Gradcam is better, 0.2" in text
    assert "y: Layercam is better, -0.199 [" in text
    assert (tmp_path / "out" / "across.txt").read_text() == f"{text}\n"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"across.{kind}" for kind in ("csv", "md", "tex", "txt")
    }


def test_one_decides(two):
    scores = pd.read_parquet(two[1] / "scores.parquet")
    scores["value"] = np.random.default_rng(1).random(len(scores))
    scores.to_parquet(two[1] / "scores.parquet")
    table = across([Run(folder) for folder in two]).set_index("metric")
    assert set(table.loc["srg_probability", "agreement"]) == {"one decides"}


def test_runs_that_cannot_stand_side_by_side(two, write_run, tmp_path, capsys):
    with pytest.raises(ReportError, match="two"):
        contrast(two[:1], tmp_path / "out")
    other = write_run(tmp_path / "z", methods=("layercam", "gradcam"))
    with pytest.raises(ReportError):
        contrast([two[0], other], tmp_path / "out")
    assert main(["across", str(two[0]), str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "is no run directory" in capsys.readouterr().err
