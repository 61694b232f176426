"""Controls in a run: the same stages as the methods, the negated maps' curves for nothing."""

import pandas as pd
import pytest
import torch

from bench.cli import main
from reports import Run, tables_of

WORDS = (
    "--dataset",
    "synthetic",
    "--limit",
    "3",
    "--weights",
    "catdog-scenes",
    "--steps",
    "2",
    "--resize",
    "112",
    "--crop",
    "112",
    "--workers",
    "0",
)
NAMES = {"control_random", "control_center", "control_sobel", "control_uniform"}
NEGATED = {"control_negated_gradcam", "control_negated_layercam"}
KEY = ["image_id", "layer", "target", "metric"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls")
    for kind in ("none", "cheap", "all"):
        report = () if kind == "cheap" else ("--no-report",)  # nothing is asked of the others'
        assert main(["run", *WORDS, "--controls", kind, *report, "--out", str(folder / kind)]) == 0
    return {kind: pd.read_parquet(folder / kind / "scores.parquet") for kind in ("none", "cheap", "all")}, folder


def values(scores: pd.DataFrame, method: str) -> pd.Series:
    return scores[scores["method"] == method].set_index(KEY)["value"].sort_index()


def test_which_controls_are_scored(runs):
    scores, _ = runs
    assert set(scores["none"]["method"]) == {"gradcam", "layercam"}
    assert set(scores["cheap"]["method"]) == set(scores["all"]["method"]) == {"gradcam", "layercam"} | NAMES | NEGATED


def test_methods_score_the_same_whatever_the_controls(runs):
    scores, _ = runs
    for method in ("gradcam", "layercam"):
        for kind in ("cheap", "all"):
            pd.testing.assert_series_equal(values(scores["none"], method), values(scores[kind], method))


def test_cheap_controls_have_every_metric_that_needs_no_forward_pass_and_all_has_all(runs):
    scores, _ = runs
    cheap, everything = (set(scores[kind].query("method == 'control_sobel'")["metric"]) for kind in ("cheap", "all"))
    assert {"energy_in_mask", "pointing_game", "effective_area"} <= cheap
    assert everything - cheap >= {"srg_probability", "deletion_auc", "average_drop"}
    for name in NAMES | NEGATED:
        own, full = values(scores["cheap"], name), values(scores["all"], name)
        pd.testing.assert_series_equal(own, full[own.index])


def test_the_negated_map_loses_what_the_map_gains(runs):
    scores, _ = runs
    for method in ("gradcam", "layercam"):
        own, turned_ = (values(scores["cheap"], name) for name in (method, f"control_negated_{method}"))
        metrics = own.index.get_level_values("metric")
        gain = own[metrics == "srg_margin"]
        torch.testing.assert_close(torch.tensor(turned_[gain.index].to_numpy()), -torch.tensor(gain.to_numpy()))


def test_a_uniform_map_gains_nothing_but_by_chance_and_fills_the_picture(runs):
    scores, _ = runs
    uniform = values(scores["all"], "control_uniform")
    metrics = uniform.index.get_level_values("metric")
    assert (uniform[metrics == "effective_area"] == 1).all()
    area = uniform[metrics == "mask_area"].droplevel("metric")
    energy = uniform[metrics == "energy_in_mask"].droplevel("metric")
    pd.testing.assert_series_equal(area, energy, check_names=False, atol=1e-6)


def test_the_page_says_which_controls_are_not_beaten(runs):
    _, folder = runs
    table = pd.read_csv(folder / "cheap" / "tables" / "controls.csv")
    assert set(table["control"]) == NAMES | NEGATED
    assert "controls" not in tables_of(Run(folder / "none"))
    page = (folder / "cheap" / "report.html").read_text(encoding="utf-8")
    assert "Grad-CAM does not beat every control" in page or "Grad-CAM beats every control" in page
    assert "Methods against controls" in page
    assert not (table["control"].eq("control_negated_gradcam") & table["method"].eq("layercam")).any()
