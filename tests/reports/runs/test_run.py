"""Roles of any number of classes, as a run knows them and as its files are checked."""

import pandas as pd
import pytest

from reports import ReportError, Run
from reports.figures.style import class_colours

NAMES = ("ant", "bee", "crab", "deer")
LABELS = {"0.jpg": "ant", "1.jpg": "bee", "2.jpg": "deer", "3.jpg": "bee+deer", "4.jpg": "ant+bee+crab"}


@pytest.fixture
def four(make_run) -> Run:
    return Run(make_run(LABELS, classes=NAMES))


def test_roles_of_four_classes(four):
    assert four.roles("0.jpg") == {"ant": "right", "bee": "wrong"}
    assert four.roles("2.jpg") == {"ant": "wrong", "deer": "right"}
    assert four.roles("3.jpg") == {"bee": "present", "deer": "present"}
    assert four.roles("4.jpg") == dict.fromkeys(("ant", "bee", "crab"), "present")
    assert four.shown_targets("2.jpg") == [0, 3]
    assert four.shown_targets("4.jpg") == [0, 1, 2]


def test_where_no_score_names_the_wrong_class_it_is_the_most_probable_other_one(make_run):
    folder = make_run(LABELS, classes=NAMES)
    for name in ("scores", "curves", "localisation"):
        table = pd.read_parquet(folder / f"{name}.parquet")
        table[table["role"] != "wrong"].to_parquet(folder / f"{name}.parquet")
    run = Run(folder)
    assert run.roles("0.jpg") == {"ant": "right", "bee": "wrong"}
    assert run.roles("1.jpg") == {"ant": "wrong", "bee": "right"}


def test_of_few_classes_all_maps_are_shown(make_run):
    run = Run(make_run({"0.jpg": "bee"}, classes=NAMES[:3]))
    assert run.shown_targets("0.jpg") == [0, 1, 2]


def test_of_which_images_the_label_is_one_class(four):
    assert four.single(four.images["label"]).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("place", "column", "value", "said"),
    [
        ("0.jpg", "role", "present", "'role' is 'present' for target 'ant' on an image of 'ant', expected 'right'"),
        ("3.jpg", "target", "crab", "'role' is 'present' for target 'crab' on an image of 'bee.deer', which does not"),
        ("3.jpg", "role", "right", "'role' is 'right' for target 'bee' on an image of 'bee.deer', expected 'present'"),
        ("0.jpg", "label", "ant+owl", "column 'label' holds 'owl', which this run does not know"),
    ],
)
def test_roles_and_labels_that_cannot_be_are_refused(make_run, place, column, value, said):
    folder = make_run(LABELS, classes=NAMES)
    scores = pd.read_parquet(folder / "scores.parquet")
    chosen = scores["image_id"].eq(place)
    if column != "label":
        chosen &= scores["target"].eq(scores.loc[chosen, "target"].iloc[0])
    scores.loc[chosen, column] = value
    scores.to_parquet(folder / "scores.parquet")
    with pytest.raises(ReportError, match=said):
        _ = Run(folder).all_scores


def test_two_wrong_classes_of_an_image_are_refused(make_run):
    folder = make_run(LABELS, classes=NAMES)
    scores = pd.read_parquet(folder / "scores.parquet")
    chosen = scores["image_id"].eq("0.jpg") & scores["role"].eq("wrong") & scores["metric"].eq("empty")
    scores.loc[chosen, "target"] = "crab"
    scores.to_parquet(folder / "scores.parquet")
    with pytest.raises(ReportError, match=r"gives image '0.jpg' several wrong classes, expected its rival alone"):
        _ = Run(folder).all_scores


def test_every_class_has_a_colour_whatever_the_order_of_the_outputs(make_run, tmp_path, write_run):
    run = Run(make_run({"0.jpg": "dog"}, classes=("dog", "cat")))
    other = Run(write_run(tmp_path / "other", {"0.jpg": "dog"}))
    assert class_colours(run) == class_colours(other)
    many = tuple(f"c{number:02}" for number in range(40))
    assert len(set(class_colours(Run(write_run(tmp_path / "many", {"0.jpg": "c07"}, classes=many))).values())) == 40
