import json

import pytest

from reports import ReportError, Run, render
from reports.figures.latency import latency_figures
from reports.figures.style import style
from reports.files import write_table
from reports.runs.latency import latency_table, shown_latency
from reports.tables.summary import summary


def benchmark(stage: str, data: list[float], reference: list[float], **labels) -> dict:
    info = {"stage": stage, "images": labels["batch"], "reference_seconds": reference, "peak_memory_mb": 900, **labels}
    return {"name": stage, "extra_info": info, "stats": {"data": data}}


@pytest.fixture
def timed_run(make_run):
    folder = make_run()
    entries = [
        benchmark("maps", [seconds * batch, 2 * seconds * batch, 4 * seconds * batch], [0.01 * batch] * 3,
                  method=method, classes=2, batch=batch)
        for method, seconds in (("gradcam", 0.01), ("layercam", 0.02))
        for batch in (1, 32)
    ]  # fmt: skip
    entries.append(benchmark("forward", [0.3, 0.3, 0.3], [0.3, 0.3, 0.3], batch=32))
    (folder / "latency.json").write_text(json.dumps({"benchmarks": entries}))
    return folder


def test_the_shown_table_fits_a_hundred_columns_and_the_file_keeps_all_digits(timed_run, tmp_path):
    table = latency_table(Run(timed_run))
    table.loc[0, "stage"] = "end to end, 8 steps, without report"
    write_table(tmp_path, "latency", table, shown_latency(table))
    lines = (tmp_path / "latency.md").read_text().splitlines()
    assert max(map(len, lines)) <= 100
    assert "| maps | gradcam | 2 | 32 | 640 (480 to 960) | 50 | 2 (1) |" in lines
    assert "ms_p95" in (tmp_path / "latency.csv").read_text()


def test_rows_by_hand(timed_run):
    row = latency_table(Run(timed_run)).set_index(["stage", "method", "batch"]).loc[("maps", "gradcam", 32)]
    assert (row["rounds"], row["classes"], row["peak_memory_mb"]) == (3, 2, 900)
    assert row["ms_median"] == pytest.approx(640)
    assert (row["ms_q1"], row["ms_q3"]) == pytest.approx((480, 960))
    assert row["images_per_second"] == pytest.approx(50)
    assert row["ratio"] == pytest.approx(2)
    assert row["ratio_mad"] == pytest.approx(1)  # of 1, 2, 4


def test_figures(timed_run):
    run = Run(timed_run)
    with style():
        figures = dict(latency_figures(run, latency_table(run), summary(run)))
        assert set(figures) == {"latency", "pareto"}  # this run has no times of stages
        labels = figures["pareto"].axes[0].get_legend_handles_labels()[1]
        assert labels == ["Gradcam", "Layercam"]
        assert "Gradcam" in figures["pareto"].get_suptitle()  # nothing is faster


def test_stages_add_up(make_run):
    folder = make_run()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["timings"] = {"load": 1.0, "perturbation": 8.0, "report": 1.0, "total": 10.0, "model": 7.0}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    run = Run(folder)
    with style():
        figures = dict(latency_figures(run, None, summary(run)))
        assert figures["stages"].get_suptitle() == "Perturbation takes 80% of 10 s for 8 images"


def test_the_report_shows_times_where_there_are_any(timed_run):
    page = render(timed_run).read_text(encoding="utf-8")
    assert 'id="pareto"' in page
    assert (timed_run / "tables" / "latency.csv").exists()


@pytest.mark.parametrize("content", ["{", "{}", '{"benchmarks": [{"extra_info": {}, "stats": {"data": [1]}}]}'])
def test_a_file_that_is_none_of_ours_is_refused(make_run, content):
    folder = make_run()
    (folder / "latency.json").write_text(content)
    with pytest.raises(ReportError, match=r"latency\.json' cannot be read .*make time"):
        latency_table(Run(folder))
