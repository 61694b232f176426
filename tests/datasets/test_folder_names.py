"""Class folders of more than two classes, and of other names than cat and dog."""

from collections import Counter

import pytest

from datasets import DATASETS, Dataset, DatasetError

folder = DATASETS["folder"]


def listed(dataset: Dataset) -> dict[str, str]:
    return {record.image_id: record.label for record in dataset.records}


NAMES = ("bird", "cat", "golden retriever")


def test_folders_of_other_classes(tree):
    root = tree("Birds/1.jpg", "cat/1.jpg", "Golden_Retriever/1.jpg", "golden retriever.2.jpg", "bird 3.jpg", "x.jpg")
    dataset = folder(root, classes=NAMES)
    assert Counter(listed(dataset).values()) == {"bird": 2, "cat": 1, "golden retriever": 2}
    assert [skip.reason for skip in dataset.skipped] == [
        "name does not begin with a class (bird, cat, golden retriever) and a point, and it is in no class folder"
    ]


def test_of_more_than_two_classes_one_may_have_no_folder_but_no_empty_one(tree):
    root = tree("bird/1.jpg", "cat/1.jpg")
    assert Counter(listed(folder(root, classes=NAMES)).values()) == {"bird": 1, "cat": 1}
    (root / "golden retriever").mkdir()
    with pytest.raises(DatasetError, match=r"no image in .* shows a golden retriever; 1 show a bird, 1 show a cat"):
        folder(root, classes=NAMES)


def test_of_more_than_two_classes_two_are_to_have_images(tree):
    with pytest.raises(DatasetError, match=r"no image in .* shows a cat; 1 show a bird"):
        folder(tree("bird/1.jpg"), classes=NAMES)


def test_a_folder_of_no_class_is_named_with_the_closest_one(tree):
    said = (
        r"brid' is none of bird, cat, golden retriever \(did you mean 'bird'\?\); expected class folders bird, cat and"
    )
    with pytest.raises(DatasetError, match=f"{said}.*or name the classes with --classes"):
        folder(tree("brid/1.jpg", "cat/1.jpg"), classes=NAMES)


def test_numbered_folders_do_not_say_which_of_three(tree):
    with pytest.raises(DatasetError, match=r"folders 0, 1, 2 in .* do not say which class they hold; rename them bird"):
        folder(tree("0/1.jpg", "1/1.jpg", "2/2.jpg"), classes=NAMES)


def test_classes_that_are_numbers_are_read_as_they_are(tree):
    assert listed(folder(tree("0/1.jpg", "1/1.jpg"), classes=("0", "1"))) == {"0/1.jpg": "0", "1/1.jpg": "1"}
