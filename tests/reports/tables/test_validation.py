import numpy as np
import pandas as pd
import pytest

from reports import Run, render
from reports.tables.validation import RUNGS, validation


@pytest.fixture
def ladder_run(make_run):
    """A run whose metrics have the values that a function of (rung, image) gives; rung 4 is the truth."""

    def make(**values) -> Run:
        folder = make_run(methods=RUNGS)
        scores = pd.read_parquet(folder / "scores.parquet")
        rung = scores["method"].map(RUNGS.index)
        image = scores["image_id"].str.removesuffix(".jpg").astype(int)
        for metric, function in values.items():
            chosen = scores["metric"].eq(metric)
            scores.loc[chosen, "value"] = function(rung[chosen].to_numpy(float), image[chosen].to_numpy(float))
        scores.to_parquet(folder / "scores.parquet")
        return Run(folder)

    return make


def uneven(image: np.ndarray) -> np.ndarray:
    """Around 1, another for every image: equal differences are no sample of anything."""
    return 1 + (image - 3.5) / 50


def row(run: Run, metric: str) -> pd.Series:
    return validation(run).set_index(["metric", "role"]).loc[(metric, "right")]


def test_the_rungs_rise_from_chance_to_the_truth():
    assert RUNGS == ("control_random", "truth_25", "truth_50", "truth_75", "truth")


def test_a_metric_that_rises_with_the_truth_is_valid(ladder_run):
    found = row(
        ladder_run(srg_probability=lambda rung, image: rung / 10 * uneven(image) + image / 100), "srg_probability"
    )
    assert found["verdict"] == "yes"
    assert found["n"] == 8
    assert found["gain"] == pytest.approx(0.4)
    assert (found["win_rate"], found["spearman"]) == (1, pytest.approx(1))
    assert found["truth"] - found["truth_75"] == pytest.approx(0.1)


def test_one_that_falls_is_not(ladder_run):
    found = row(
        ladder_run(srg_probability=lambda rung, image: -rung / 10 * uneven(image) + image / 100), "srg_probability"
    )
    assert (found["verdict"], found["win_rate"]) == ("no", 0)
    assert found["spearman"] == pytest.approx(-1)
    assert found["ci_high"] < 0


def test_lower_is_better_where_the_registry_says_so(make_run, ladder_run):
    run = ladder_run(srg_probability=lambda rung, image: -rung / 10 * uneven(image) + image / 100)
    run.manifest["metrics"]["srg_probability"]["direction"] = "lower"
    found = row(run, "srg_probability")
    assert (found["verdict"], found["gain"]) == ("yes", pytest.approx(0.4))


def test_one_that_knows_the_ends_but_not_the_order_is_half_valid(ladder_run):
    values = np.array([0.0, 0.3, 0.2, 0.4, 0.5])
    found = row(
        ladder_run(srg_probability=lambda rung, image: values[rung.astype(int)] * uneven(image)), "srg_probability"
    )
    assert found["verdict"] == "partly"
    assert found["spearman"] == pytest.approx(0.9)


def test_one_that_does_not_look_at_the_map_is_not_valid(ladder_run):
    found = row(ladder_run(srg_probability=lambda rung, image: image / 10), "srg_probability")
    assert (found["verdict"], found["win_rate"], found["spearman"]) == ("no", 0.5, 0)


def test_undefined_values_are_left_out_and_counted(ladder_run):
    found = row(ladder_run(srg_probability=lambda rung, image: np.where(image < 7, np.nan, rung)), "srg_probability")
    assert (found["n"], found["verdict"]) == (1, "undefined")


def test_metrics_without_a_better_direction_are_not_asked(ladder_run):
    assert set(validation(ladder_run())["metric"]) == {"srg_probability", "energy_in_mask"}


def test_the_table_comes_with_every_run_of_the_whole_ladder(ladder_run, make_run):
    folder = ladder_run().folder
    page = render(folder).read_text(encoding="utf-8")
    assert (folder / "tables" / "validation.md").exists()
    assert 'id="validation"' in page


def test_and_with_no_other_run(make_run):
    folder = make_run(methods=RUNGS[1:])
    assert 'id="validation"' not in render(folder).read_text(encoding="utf-8")
    assert not (folder / "tables" / "validation.csv").exists()
