from pathlib import Path

import pytest

from datasets import DATASETS, Box, DatasetError
from datasets.files import classes_in_name

files = DATASETS["files"]


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("both", ("cat", "dog")),
        ("cat", ("cat",)),
        ("dog_and_cat", ("cat", "dog")),
        ("MyCat2", ("cat",)),
        ("puppies-03", ("dog",)),
        ("CATS", ("cat",)),
        ("category", ()),
        ("hotdog", ()),
        ("IMG_0001", ()),
    ],
)
def test_words_in_names(name, classes):
    assert classes_in_name(name) == classes


def test_pictures_with_unclear_names_are_listed_with_the_remedy(tree):
    dataset = files(tree("both.jpg", "IMG_1.jpg", "dog.txt", ".cat.jpg"))
    assert [(r.image_id, r.label) for r in dataset.records] == [("both.jpg", "cat+dog")]
    reasons = {Path(skip.path).name: skip.reason for skip in dataset.skipped}
    assert set(reasons) == {"IMG_1.jpg", "dog.txt", ".cat.jpg"}
    assert "put cat, dog or both into the name" in reasons["IMG_1.jpg"]


def test_one_picture(tree):
    root = tree("cat.jpg", "dog.jpg")
    assert [record.image_id for record in files(root / "dog.jpg").records] == ["dog.jpg"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,class\na,b\n", "lacks the columns part, xmin, ymin, xmax, ymax"),
        ("image,class,part,xmin,ymin,xmax,ymax\ncat.jpg,cat,head,1,2,three,4\n", "line 2: box is '1 2 three 4'"),
        ("image,class,part,xmin,ymin,xmax,ymax\ncat.jpg,cat,head,1,2\n", "line 2: box is '1 2'"),
        ("image,class,part,xmin,ymin,xmax,ymax\ncat.jpg,cat,ear,1,2,3,4\n", "line 2: box part is 'ear'"),
        (b"\xff\xfe\xff", "cannot be read as UTF-16"),
    ],
)
def test_broken_boxes(tree, text, said):
    root = tree("cat.jpg")
    (root / "boxes.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DatasetError, match=said):
        files(root)


def test_splits_missing_folders_and_folders_without_pictures(tmp_path):
    with pytest.raises(DatasetError, match="leave --split and --download out"):
        files(tmp_path, "val")
    with pytest.raises(DatasetError, match="not found"):
        files(tmp_path / "missing")
    with pytest.raises(DatasetError, match="no pictures to score"):
        files(tmp_path)


def test_lab_pictures_have_their_boxes(shared):
    records = {record.image_id: record for record in files(shared / "data" / "lab").records}
    assert {name: record.label for name, record in records.items()} == {
        "both.jpg": "cat+dog",
        "cat.jpg": "cat",
        "dog.jpg": "dog",
    }
    assert records["both.jpg"].boxes[0] == Box("dog", "head", 78, 13, 137, 79)
    assert all(record.has_mask and record.has_face for record in records.values())


def test_odd_files_need_a_name(shared):
    with pytest.raises(DatasetError, match="no pictures to score"):
        files(shared / "data" / "odd-files")
