import json

import numpy as np
import pandas as pd
import pytest

from reports import Run
from reports.tables.reliability import metric_correlation, reliability

METHODS = ("gradcam", "layercam", "third")


@pytest.fixture
def run_of(make_run):
    def make(**values) -> Run:
        """Metrics that are functions of (method number, image number, generator)."""
        folder = make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(20)}, METHODS)
        scores = pd.read_parquet(folder / "scores.parquet")
        method = scores["method"].map(METHODS.index).to_numpy(float)
        image = scores["image_id"].str.removesuffix(".jpg").to_numpy(float)
        for metric, function in values.items():
            rows = scores["metric"] == metric
            scores.loc[rows, "value"] = function(method, image, np.random.default_rng(0).random(len(scores)))[rows]
        scores.to_parquet(folder / "scores.parquet")
        return Run(folder)

    return make


def row(run: Run, metric: str) -> pd.Series:
    return reliability(run).set_index(["metric", "role"]).loc[(metric, "right")]


def test_images_that_agree_give_one(run_of):
    found = row(run_of(srg_probability=lambda method, image, _: method + image), "srg_probability")
    assert (found["n"], found["rivals"]) == (20, 3)
    assert found["alpha"] == pytest.approx(1)
    assert found["split_half"] == pytest.approx(1)


def test_chance_gives_none(run_of):
    found = row(run_of(srg_probability=lambda method, image, chance: chance), "srg_probability")
    assert abs(found["alpha"]) < 0.2


def test_halves_of_images_that_disagree_by_turns(run_of):
    """Even images rank the methods one way, odd ones the other: no agreement at all."""
    turning = run_of(srg_probability=lambda method, image, _: np.where(image % 2, method, -method))
    assert row(turning, "srg_probability")["alpha"] < 0


def test_metrics_without_a_better_direction_are_left_out(run_of):
    assert set(reliability(run_of())["metric"]) == {"energy_in_mask", "srg_probability"}


def test_two_metrics_that_say_the_same(run_of):
    run = run_of(
        srg_probability=lambda method, image, _: image + method, energy_in_mask=lambda method, image, _: image**2
    )
    table = metric_correlation(run).set_index("role")
    assert table.loc["right", ["metric", "other_metric", "n"]].tolist() == ["energy_in_mask", "srg_probability", 20]
    assert table.loc["right", "spearman"] == pytest.approx(1)
    run.manifest["metrics"]["energy_in_mask"]["direction"] = "lower"
    assert metric_correlation(run).set_index("role").loc["right", "spearman"] == pytest.approx(-1)


def test_a_metric_that_never_varies_is_undefined(run_of):
    run = run_of(srg_probability=lambda method, image, _: 0 * image)
    assert np.isnan(row(run, "srg_probability")["alpha"])
    assert np.isnan(metric_correlation(run).set_index("role").loc["right", "spearman"])


def test_every_metric_is_judged_over_the_same_rivals_and_no_negation(make_run):
    """Sobel has no SRG: it is no rival of the energy's either, whose agreement could not be compared else."""
    controls = ("control_center", "control_sobel", "control_negated_gradcam")
    folder = make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(12)}, ("gradcam", "layercam", *controls))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["controls"] = {name: {"title": name, "meaning": ""} for name in controls}
    manifest["methods"] = {name: entry for name, entry in manifest["methods"].items() if name not in controls}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    scores = pd.read_parquet(folder / "scores.parquet")
    scores[~(scores["method"].eq("control_sobel") & scores["metric"].eq("srg_probability"))].to_parquet(
        folder / "scores.parquet"
    )
    table = reliability(Run(folder)).set_index("metric")
    assert table["rivals"].to_dict() == {"energy_in_mask": 3, "srg_probability": 3}
