"""Scores as tables, by hand: one map per image and method, and several."""

import numpy as np
import pandas as pd
import pytest

from reports import Run, tables_of
from reports.figures.overlays import selections
from reports.runs.values import Values

ROWS = [
    ("1.jpg", "a", "l1", "right", "cat", "srg", 0.5),
    ("1.jpg", "b", "l1", "right", "cat", "srg", np.nan),
    ("2.jpg", "a", "l1", "right", "dog", "srg", -0.0),
    ("3.jpg", "b", "l1", "right", "cat", "srg", 2.0),
    ("4.jpg", "a", "l1", "present", "cat", "srg", 1.0),
    ("4.jpg", "a", "l1", "present", "dog", "srg", 3.0),
    ("4.jpg", "b", "l1", "present", "cat", "srg", 1.0),
    ("4.jpg", "b", "l1", "present", "dog", "srg", np.nan),
    ("1.jpg", "a", "l2", "right", "cat", "area", 7.0),
]


@pytest.fixture
def values():
    frame = pd.DataFrame(ROWS, columns=["image_id", "method", "layer", "role", "target", "metric", "value"])
    frame = frame.sort_values(["image_id", "method", "layer", "target", "metric"], ignore_index=True)
    frame["predicted"] = "cat"
    return Values(frame.astype({name: "category" for name in frame if name != "value"}))


def test_a_row_per_image_and_a_column_per_method(values):
    assert list(values) == [("l1", "present", "srg"), ("l1", "right", "srg"), ("l2", "right", "area")]
    table = values.table("l1", "right", "srg")
    assert list(table.images) == ["1.jpg", "2.jpg", "3.jpg"]
    assert (table.places.tolist(), table.methods) == ([0, 1, 2], ["a", "b"])
    np.testing.assert_array_equal(table.values, [[0.5, np.nan], [0.0, np.nan], [np.nan, 2.0]])
    assert table.given.tolist() == [[True, True], [True, False], [False, True]]
    assert values.table("l2", "right", "area").values.tolist() == [[7.0]]


def test_of_several_maps_the_mean_counts_and_is_undefined_where_one_is(values):
    table = values.table("l1", "present", "srg")
    np.testing.assert_array_equal(table.values, [[2.0, np.nan]])
    assert (table.places.tolist(), table.given.tolist()) == ([3], [[True, True]])
    assert len(values.rows(("l1", "present", "srg"))) == 4


def test_a_frame_holds_the_images_of_its_methods(values):
    table = values.table("l1", "right", "srg")
    assert list(table.frame(["a"]).index) == ["1.jpg", "2.jpg"]
    assert not np.signbit(table.frame(["a"])["a"]).any()  # a zero is a zero
    assert list(table.frame().columns) == ["a", "b"]
    assert table.frame(["c"]).empty


def test_what_is_not_there_has_no_rows_and_no_table(values):
    assert values.layers("srg", "right") == ["l1"]
    assert values.rows(("l2", "right", "srg")).empty
    with pytest.raises(KeyError):
        values.table("l2", "right", "srg")


def test_every_table_of_a_run_is_made_once(make_run, monkeypatch):
    made = []
    place, average = Values._placed, Values._averaged
    monkeypatch.setattr(Values, "_placed", lambda self, key: made.append(key) or place(self, key))
    monkeypatch.setattr(Values, "_averaged", lambda self, key: made.append(key) or average(self, key))
    run = Run(make_run({f"{n}.jpg": ("cat", "dog", "cat+dog")[n % 3] for n in range(12)}))
    tables_of(run)
    assert sorted(made) == sorted(run.values)


def test_sheets_of_images_of_one_class_go_by_the_area_of_the_right_class_alone(make_run):
    run = Run(make_run({f"{n}.jpg": ("cat", "dog")[n % 2] for n in range(9)}))
    scores = pd.read_parquet(run.folder / "scores.parquet")
    own = scores[scores["metric"].eq("effective_area") & scores["role"].eq("right")]
    area = own.groupby("image_id")["value"].mean().sort_values()
    chosen = {name: ids for name, _, ids in selections(run, "features.11")}
    assert chosen["least_dispersed"] == list(area.index[:6])
    assert chosen["most_dispersed"] == list(area.index[::-1][:6])
