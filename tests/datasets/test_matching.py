from pathlib import Path

import pytest

from datasets import DATASETS, Box, Dataset, DatasetError, Record, matched


def dataset(*labels: str, boxes: tuple[Box, ...] = ()) -> Dataset:
    records = [Record(str(n), Path("x"), tuple(label.split("+")), boxes=boxes) for n, label in enumerate(labels)]
    return Dataset("mine", Path("root"), None, tuple(records), notes=("first",))


def test_labels_and_boxes_get_the_networks_names():
    found = matched(dataset("Cats", "birds+cat", boxes=(Box("CATS", "head", 1, 2, 3, 4),)), ("bird", "cat"))
    assert [record.classes for record in found.records] == [("cat",), ("bird", "cat")]
    assert {box.class_name for record in found.records for box in record.boxes} == {"cat"}
    assert found.notes == ("first",)


def test_two_labels_of_one_class_are_one():
    assert matched(dataset("cat+cats", "dog"), ("cat", "dog")).records[0].label == "cat"


def test_what_matches_stays_the_same_object():
    given = dataset("cat", "dog")
    assert matched(given, ("dog", "cat")).records is given.records


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("bird", "dog"), "'mine' shows cat, which is neither bird nor dog, the network's classes; leave these images"),
        (("bird", "dig", "frog"), r"shows cat, dog, which are none of bird, dig, frog, the network's"),
        (("catt", "dog"), r"shows cat, which is neither catt nor dog \(did you mean 'catt'\?\), the network's"),
    ],
)
def test_a_label_that_the_network_does_not_know_is_refused(classes, said):
    with pytest.raises(DatasetError, match=said):
        matched(dataset("cat", "dog"), classes)


@pytest.mark.parametrize(
    ("labels", "classes", "note"),
    [
        (("cat",), "cat dog", "no image shows a dog: nothing is said of the class, and accuracy is of the other alone"),
        (("cat", "dog"), "cat dog bird", "no image shows bird: nothing is said of the class, and accuracy is of the"),
        (("cat", "dog"), "fish cat frog dog", "no image shows fish or frog: nothing is said of these classes, and"),
    ],
)
def test_classes_without_an_image_are_noted(labels, classes, note):
    first, second = matched(dataset(*labels), classes.split()).notes
    assert first == "first"
    assert second.startswith(note)


def test_images_of_no_class_say_nothing_of_the_classes():
    given = Dataset("mine", Path("root"), None, (Record("a", Path("a"), ()),))
    assert matched(given, ("cat", "dog")) == given


def test_drawn_scenes_are_not_renamed():
    scenes = DATASETS["synthetic"](None, "one", False).limited(2)
    assert matched(scenes, ("bird", "dog", "cat")).records == scenes.records
    with pytest.raises(DatasetError, match="drawn scenes show cat, spelled so; name the classes so"):
        matched(scenes, ("Cat", "Dog"))
