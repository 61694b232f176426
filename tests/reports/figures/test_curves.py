"""Curve figures show what was computed, and nothing else."""

import json

import pandas as pd
import pytest

from reports.figures.curves import curve_figures
from reports.figures.style import style
from reports.runs.run import Run
from reports.tables.summary import summary

RISE = {"preset": "rise", "directions": ["deletion", "insertion"], "substrates": ["mean", "blur"]}


@pytest.fixture
def figures(make_run):
    """Figures of a run with protocols and curves of its own, by name: panel titles, and the title."""

    def draw(protocols: dict, keep=None) -> dict[str, tuple[list[str], str]]:
        folder = make_run()
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["protocols"] |= protocols
        (folder / "manifest.json").write_text(json.dumps(manifest))
        if keep:
            curves = pd.read_parquet(folder / "curves.parquet")
            curves[curves["direction"] == keep].to_parquet(folder / "curves.parquet")
        run = Run(folder)
        with style():
            drawn = dict(curve_figures(run, summary(run)))
            assert all(axis.lines for figure in drawn.values() for axis in figure.axes)
            return {
                name: ([axis.get_title("left") for axis in figure.axes], figure.get_suptitle())
                for name, figure in drawn.items()
            }

    return draw


def test_a_row_per_direction_under_the_metric(figures):
    panels, title = figures({})["curves_srg_right"]
    assert panels == [
        "features.11: pixels deleted onto the blurred image",
        "features.11: pixels inserted into the blurred image",
    ]
    assert title.startswith("SRG, higher is better.")


def test_directions_that_were_not_asked_for_are_left_out(figures):
    """Of RISE only the insertion was computed, because SRG shares it."""
    panels, title = figures({"rise": RISE})["curves_rise_right"]
    assert panels == ["features.11: pixels inserted into the blurred image"]
    assert title.startswith("Curves of rise (mean of")


def test_no_figure_of_a_protocol_without_curves(figures):
    only_mean = RISE | {"directions": ["deletion"], "substrates": ["mean"]}
    assert set(figures({"rise": only_mean}, keep="insertion")) == {"curves_srg_right", "curves_srg_wrong"}
