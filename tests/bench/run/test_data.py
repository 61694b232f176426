"""A data set meets a network's classes."""

from pathlib import Path

import pytest
from PIL import Image

from bench.errors import ConfigError
from bench.run.data import read_dataset
from datasets import DatasetError


@pytest.fixture
def table(tmp_path) -> Path:
    """A CSV file of two pictures, a bird and a frog."""
    for number, name in enumerate(("a", "b")):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{name}.png")
    (tmp_path / "list.csv").write_text("path,label\na.png,Birds\nb.png,frog\n")
    return tmp_path / "list.csv"


def test_a_former_name_is_taken_with_a_note(table):
    former, now = (read_dataset(name, table, None, None, ("frog", "bird")) for name in ("manifest", "csv"))
    assert former.notes == ("--dataset manifest is called csv now", *now.notes)
    assert now.notes == ()
    assert (former.name, former.records, former.fingerprint()) == (now.name, now.records, now.fingerprint())


def test_labels_are_the_networks_names_and_the_limit_comes_last(table):
    dataset = read_dataset("csv", table, None, 1, ("frog", "bird", "newt"))
    assert [record.label for record in dataset.records] == ["bird"]
    assert dataset.notes == (
        "no image shows newt: nothing is said of the class, and accuracy is of the others alone",
    )  # of the whole list


def test_a_label_that_is_no_class_of_the_network_is_refused(table):
    with pytest.raises(DatasetError, match="line 3: label is 'frog', expected bird, toad or both"):
        read_dataset("csv", table, None, None, ("bird", "toad"))


def test_drawn_scenes_meet_the_network_by_name_and_only_so_many_classes():
    assert len(read_dataset("synthetic", None, "one", 2, ("owl", "dog", "cat")).records) == 2
    many = ("cat", "dog", *(f"c{number}" for number in range(15)))
    with pytest.raises(ConfigError, match="17 classes, drawn scenes take at most 16; name groups of outputs"):
        read_dataset("synthetic", None, "one", 2, many)
