import os
from collections import Counter
from pathlib import Path

import pytest

from datasets import DATASETS, DatasetError

folder = DATASETS["folder"]


def listed(dataset) -> dict[str, str]:
    return {record.image_id: record.label for record in dataset.records}


@pytest.mark.parametrize("names", [("cat", "dog"), ("cats", "dogs"), ("Cat", "DOGS"), ("CATS", "dog")])
def test_class_folders_in_any_case(tree, names):
    root = tree(f"{names[0]}/1.jpg", f"{names[0]}/deep/2.JPEG", f"{names[1]}/1.png")
    labels = listed(folder(root))
    assert labels == {f"{names[0]}/1.jpg": "cat", f"{names[0]}/deep/2.JPEG": "cat", f"{names[1]}/1.png": "dog"}


def test_one_class_folder_is_enough(tree):
    assert listed(folder(tree("dog/1.jpg"))) == {"dog/1.jpg": "dog"}


def test_kaggles_flat_names(tree):
    root = tree("cat.0.jpg", "cat.123.jpg", "dog.7.jpg", "Dog 8.jpg", "cats-9.png", "catalogue.jpg", "bird.1.jpg")
    dataset = folder(root)
    assert Counter(listed(dataset).values()) == {"cat": 3, "dog": 2}
    assert {Path(skip.path).name for skip in dataset.skipped} == {"catalogue.jpg", "bird.1.jpg"}
    assert all("begins with neither cat. nor dog." in skip.reason for skip in dataset.skipped)


def test_order_does_not_depend_on_the_file_system(tree, monkeypatch):
    root = tree("dog/b.jpg", "dog/a.jpg", "cat/é.jpg", "cat/z.jpg", "cat/Z.jpg")
    expected = ["cat/Z.jpg", "cat/z.jpg", "cat/é.jpg", "dog/a.jpg", "dog/b.jpg"]
    assert list(listed(folder(root))) == expected


def test_other_files_are_listed_hidden_ones_are_not(tree):
    root = tree(
        "cat/1.jpg", "cat/notes.txt", "cat/.hidden.jpg", "cat/.git/x.jpg", "Thumbs.db", ".DS_Store", "dog/1.jpg"
    )
    dataset = folder(root)
    assert list(listed(dataset)) == ["cat/1.jpg", "dog/1.jpg"]
    assert [(Path(skip.path).name, skip.reason) for skip in dataset.skipped] == [
        ("notes.txt", "no image file name (ending '.txt')")
    ]


def test_names_with_spaces_newlines_unicode_and_undecodable_bytes(tree):
    root = tree("cat/a b.jpg", "cat/two\nlines.jpg", "dog/犬 ü.jpg")
    source = (root / "cat" / "a b.jpg").read_bytes()
    try:
        Path(os.fsdecode(os.fsencode(root / "dog") + b"/\xff.jpg")).write_bytes(source)
    except OSError:
        pytest.skip("this file system takes no undecodable names")
    ids = list(listed(folder(root)))
    assert ids == ["cat/a b.jpg", "cat/two\nlines.jpg", "dog/犬 ü.jpg", "dog/\\xff.jpg"]


def test_split_is_a_folder_inside(tree):
    root = tree("train/cat/1.jpg", "val/dog/2.jpg")
    assert listed(folder(root, "val")) == {"dog/2.jpg": "dog"}
    with pytest.raises(DatasetError, match="holds train, val; name one with --split train"):
        folder(root)
    with pytest.raises(DatasetError, match="the split 'test' as a folder"):
        folder(root, "test")


def test_a_class_folder_that_is_neither_is_an_error(tree):
    with pytest.raises(DatasetError, match="bird' is neither cat nor dog; expected class folders"):
        folder(tree("cat/1.jpg", "bird/1.jpg"))


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda root: root / "missing", "not found; expected class folders"),
        (lambda root: root, "no images in"),
        (lambda root: (root / "a.jpg").write_bytes(b"x") and root / "a.jpg", "is a file; expected class folders"),
        (lambda root: (root / "cat").mkdir() or root, "no images in"),
    ],
)
def test_missing_empty_and_wrong_roots(tmp_path, prepare, said):
    with pytest.raises(DatasetError, match=said):
        folder(prepare(tmp_path))


def test_download_belongs_to_another_data_set(tmp_path):
    with pytest.raises(DatasetError, match="--dataset oxford-iiit-pet"):
        folder(tmp_path, download=True)


def test_real_photographs(shared):
    val = folder(shared / "data" / "dogs-vs-cats-200px" / "val")
    assert Counter(listed(val).values()) == {"cat": 250, "dog": 250}
    assert not val.skipped
    assert [record.label for record in val.limited(4).records] == ["cat", "cat", "dog", "dog"]
