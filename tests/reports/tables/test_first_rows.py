import pandas as pd

from reports import Run
from reports.tables.first_rows import first_rows
from reports.tables.summary import summary


def test_headline_metrics_of_the_class_in_the_picture_come_first(make_run):
    run = Run(make_run(layers=("features.11", "features.12")))
    table = summary(run)
    found = first_rows(run, table, 12)
    assert len(found) == 12
    assert not found["role"].eq("wrong").any()
    assert list(found["metric"][:8]) == ["srg_probability"] * 4 + ["energy_in_mask"] * 4
    assert list(found["layer"][:4]) == ["features.11", "features.11", "features.12", "features.12"]
    assert list(found["method"][:2]) == ["gradcam", "layercam"]
    assert first_rows(run, table, len(table)) is table


def test_of_many_methods_the_best_come_first(make_run):
    run = Run(make_run(methods=tuple("abcdef")))
    found = first_rows(run, summary(run), 6)
    assert set(found["metric"]) == {"srg_probability"}
    assert found["mean"].is_monotonic_decreasing
    assert len(found) == 6
    assert isinstance(found, pd.DataFrame)
