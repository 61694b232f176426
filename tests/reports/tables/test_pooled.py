import json
import shutil

import numpy as np
import pandas as pd
import pytest

from bench.cli import main
from reports import ReportError, Run, pool
from reports.tables.pooled import pooled


@pytest.fixture
def three(make_run, tmp_path):
    """The same run three times; values of network k are higher by k."""
    folders = [make_run()]
    manifest = json.loads((folders[0] / "manifest.json").read_text())
    manifest["dataset"]["fingerprint"] = "same"
    (folders[0] / "manifest.json").write_text(json.dumps(manifest))
    for number in (1, 2):
        folders.append(tmp_path / f"run{number}")
        shutil.copytree(folders[0], folders[-1])
        scores = pd.read_parquet(folders[-1] / "scores.parquet")
        scores["value"] += number
        scores.to_parquet(folders[-1] / "scores.parquet")
    return folders


def change(folder, function) -> None:
    scores = pd.read_parquet(folder / "scores.parquet")
    function(scores)
    scores.to_parquet(folder / "scores.parquet")


def test_means_over_networks_and_images(three):
    runs = [Run(folder) for folder in three]
    table = pooled(runs)
    assert len(table) == runs[0].scores.groupby(["method", "layer", "role", "metric"]).ngroups
    single = runs[0].scores.groupby(["method", "layer", "role", "metric"])["value"].mean()
    for row in table.to_dict("records"):
        first = single[row["method"], row["layer"], row["role"], row["metric"]]
        assert row["mean"] == pytest.approx(first + 1)
        assert (row["lowest"], row["highest"]) == pytest.approx((first, first + 2))
        assert row["ci_low"] < row["mean"] < row["ci_high"]
        assert (row["networks"], row["n"], row["n_undefined"]) == (3, 8, 0)


def test_undefined_values_are_counted_and_an_image_counts_with_what_is_defined(three):
    def lose(scores: pd.DataFrame) -> None:
        scores.loc[scores["image_id"].eq("0.jpg"), "value"] = np.nan

    change(three[0], lose)
    table = pooled([Run(folder) for folder in three])
    assert set(table["n_undefined"]) == {1}
    assert set(table["n"]) == {8}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dataset", {"name": "files", "labels": {}, "fingerprint": "other"}, "other images"),
        ("protocols", {}, "other protocols"),
        ("layers", {"features.12": {"channels": 1, "height": 1, "width": 1}}, "other layers"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(three, key, value, said):
    manifest = json.loads((three[1] / "manifest.json").read_text())
    (three[1] / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(ReportError, match=said):
        pooled([Run(folder) for folder in three])


def test_a_pool_of_one_is_its_summary(three):
    table = pooled([Run(three[0])])
    assert set(table["networks"]) == {1}
    np.testing.assert_allclose(table["mean"], table["lowest"])
    np.testing.assert_allclose(table["mean"], table["highest"])


def test_rows_of_some_metrics_alone(three, tmp_path):
    pool(three, tmp_path / "pool", ["empty"])
    assert set(pd.read_csv(tmp_path / "pool" / "pooled.csv")["metric"]) == {"empty"}
    with pytest.raises(ReportError, match="metric 'pointing' is not in these runs; there are: effective_area"):
        pool(three, tmp_path / "pool", ["empty", "pointing"])


def test_the_command_writes_the_table_and_prints_the_headline(three, tmp_path, capsys):
    assert main(["pool", *map(str, three), "--out", str(tmp_path / "pool")]) == 0
    out = capsys.readouterr().out
    assert "single networks" in out
    assert "srg_probability" in out
    assert {path.name for path in (tmp_path / "pool").iterdir()} == {"pooled.csv", "pooled.md", "pooled.tex"}
    assert main(["pool", str(tmp_path), str(three[0]), "--out", str(tmp_path / "x")]) == 2
    assert "is no run directory" in capsys.readouterr().err


def test_two_maps_of_one_image_are_one_image(make_run):
    folder = make_run({f"{i}.jpg": "cat+dog" for i in range(9)})
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["dataset"]["fingerprint"] = "same"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    table = pooled([Run(folder)])
    assert set(table["role"]) == {"present"}
    assert set(table["n"]) == {9}
