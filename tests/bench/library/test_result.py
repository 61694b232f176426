"""What a call gives back: tables, maps, figures, and a run directory that every command takes."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.cli import main
from bench.engine.tables import SCHEMAS
from bench.errors import ConfigError
from reports import Run
from reports.errors import ReportError


@pytest.fixture
def result(score):
    return score(methods=["gradcam", "layercam"], metrics=["srg_probability", "effective_area"])


def test_tables_have_the_columns_of_the_files(result, score):
    assert list(result.scores) == SCHEMAS["scores"].names
    assert list(result.curves) == SCHEMAS["curves"].names
    assert list(dict.fromkeys(result.scores["image_id"])) == [f"{n:06d}" for n in range(5)]
    empty = score(protocols=("none",), metrics=["empty"]).curves
    assert list(empty) == SCHEMAS["curves"].names
    assert empty.empty


def test_a_row_of_the_summary_is_the_mean_over_images(result):
    table = result.summary()
    row = table[(table["method"] == "gradcam") & (table["role"] == "right") & (table["metric"] == "effective_area")]
    own = result.scores.query("method == 'gradcam' and role == 'right' and metric == 'effective_area'")["value"]
    assert row["mean"].item() == pytest.approx(own.mean(), abs=1e-12)
    assert row[["ci_low", "ci_high"]].isna().all(axis=None)  # five images have no interval
    table["mean"] = 0  # a copy
    assert result.summary()["mean"].ne(0).any()


def test_the_comparison_is_paired_and_has_a_verdict(result):
    row = result.comparison().query("metric == 'srg_probability' and role == 'right'")
    assert row[["method_a", "method_b"]].to_numpy().tolist() == [["gradcam", "layercam"]]
    wide = result.scores.query("metric == 'srg_probability' and role == 'right'").pivot(
        index="image_id", columns="method", values="value"
    )
    assert row["mean_difference"].item() == pytest.approx((wide["gradcam"] - wide["layercam"]).mean(), abs=1e-12)
    assert row["verdict"].item()


def test_maps_are_in_the_order_of_the_images(score, model, images, labels):
    names = ["e", "d", "c", "b", "a"]
    maps = score(ids=names).maps["gradcam", "features.4"]
    assert maps.shape[:2] == (5, 3)
    alone = score(model, images[2:3], labels[2:3]).maps["gradcam", "features.4"]
    np.testing.assert_allclose(maps[2:3], alone, atol=1e-6)


def test_a_figure_by_name_or_by_its_beginning(result):
    assert result.figure("curves").get_suptitle() == result.figure("curves_rise_right").get_suptitle()
    figure = result.figure("curves_srg")
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    assert "SRG" in figure.get_suptitle()
    with pytest.raises(ReportError, match="figure is 'nothing', expected one of curves_rise_right, "):
        result.figure("nothing")


def test_it_shows_itself(result):
    assert "gradcam" in str(result)
    page = result._repr_html_()
    assert page.count("<tr>") > 4
    assert "LayerCAM" in page


def test_names_that_are_no_text_for_a_page_are_escaped(score):
    result = score(methods=[("<b>x", lambda activations, classes: activations[:, :1].expand(-1, classes, -1, -1))])
    assert "<b>x" not in result._repr_html_()


def test_a_report_is_a_run_directory_that_the_commands_take(result, tmp_path, capsys):
    page = result.report(tmp_path / "out")
    assert page == tmp_path / "out" / "report.html"
    assert page.stat().st_size > 10_000
    run = Run(tmp_path / "out")
    pd.testing.assert_frame_equal(run.all_scores, result.run.all_scores)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["config"]["out"] == str(tmp_path / "out")
    assert main(["report", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "tables" / "summary.csv").exists()
    assert "gradcam" in capsys.readouterr().out.lower()
    with pytest.raises(ConfigError, match="is there and not empty; name a new one"):
        result.report(tmp_path / "out")


def test_reports_of_two_calls_can_be_compared(score, result, tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    result.report(first)
    score(methods=["gradcam", "layercam"], metrics=["srg_probability", "effective_area"]).report(second)
    assert main(["compare", str(first), str(second), "--fail-on-regression"]) == 0
