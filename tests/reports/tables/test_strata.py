import pandas as pd
import pytest

from reports import Run
from reports.tables.dispersion import wrong_class
from reports.tables.strata import strata


@pytest.fixture
def run(make_run) -> Run:
    """Grad-CAM has more energy by 1 on cats and by 3 on dogs; cats are called right, and half of all confidently."""
    folder = make_run({f"{i}.jpg": "cat" if i < 6 else "dog" for i in range(8)})
    scores = pd.read_parquet(folder / "scores.parquet")
    rows = scores["metric"].eq("energy_in_mask")
    ahead = scores["label"].map({"cat": 1.0, "dog": 3.0}).where(scores["method"].eq("gradcam"), 0.0)
    scores.loc[rows, "value"] = ahead[rows]
    scores.to_parquet(folder / "scores.parquet")
    images = pd.read_parquet(folder / "images.parquet")
    images["probability"] = [[0.95, 0.05] if number % 2 else [0.75, 0.25] for number in range(8)]
    images.to_parquet(folder / "images.parquet")
    return Run(folder)


def test_strata_by_hand(run):
    table = strata(run)
    own = table[table["metric"].eq("energy_in_mask")].set_index("stratum")
    assert own["n"].to_dict() == {
        "balanced": 8, "cat": 6, "dog": 2, "called right": 6, "called wrong": 2, "confident": 4, "not confident": 4,
    }  # fmt: skip
    assert own["mean_difference"].to_dict() == pytest.approx(
        {
            "balanced": 2,
            "cat": 1,
            "dog": 3,
            "called right": 1,
            "called wrong": 3,
            "confident": 1.5,
            "not confident": 1.5,
        }
    )
    assert own.loc["cat"].isna()["ci_low"]  # fewer than eight images


def test_only_headline_metrics(run):
    assert set(strata(run)["metric"]) == {"energy_in_mask", "srg_probability"}


def test_a_class_is_told_from_a_stratum_of_its_name(make_run):
    names = ("balanced", "confident", "target x")
    run = Run(make_run(classes=names))
    gaps, table = wrong_class(run), strata(run)
    own = ["class balanced", "class confident", "class target x"]
    called = ["called right", "called wrong", "by call"]
    assert set(gaps["stratum"]) == {"balanced", *own, *called, *(f"target {name}" for name in names)}
    assert {"balanced", *own} <= set(table["stratum"])
    assert table.loc[table["stratum"].eq("balanced"), "n"].iloc[0] == 8


def test_a_class_without_images_is_left_out_of_the_balanced_mean(make_run):
    run = Run(make_run({f"{i}.jpg": ("ant", "crab")[i % 2] for i in range(6)}, classes=("ant", "bee", "crab")))
    assert {"balanced", "ant", "crab"} <= set(strata(run)["stratum"])
    assert "bee" not in set(strata(run)["stratum"])
    table = wrong_class(run)
    gaps = table[table["statistic"].eq("scatter")].set_index("stratum")
    assert {"balanced", "ant", "crab", "target ant", "target crab"} <= set(gaps.index)
    own = gaps[gaps["method"].eq("gradcam")]["gap"]
    assert own["balanced"] == pytest.approx((own["ant"] + own["crab"]) / 2)
