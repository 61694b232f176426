import os
from collections import Counter
from pathlib import Path

import pytest

from datasets import DATASETS, Box, DatasetError

files = DATASETS["files"]


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


def test_boxes_find_their_picture_in_another_case_or_after_a_folder_and_the_others_are_noted(tree):
    root = tree("cat.JPG", "dog.jpg", "IMG_1.jpg")
    rows = ["Cat.jpg;Cat;head;1;2;3;4", "photos\\dog.jpg;dog;animal;1;2;3;4", "gone.jpg;dog;head;1;2;3;4"]
    text = "\ufeffImage;Class;Part;xmin;ymin;xmax;ymax;by\r\n" + "".join(f"{row};me\r\n" for row in rows)
    (root / "boxes.csv").write_text(text, encoding="utf-8")
    dataset = files(root)
    assert [[box.part for box in record.boxes] for record in dataset.records] == [["head"], ["animal"]]
    assert dataset.notes == ("boxes.csv has boxes for images that are not scored: 'gone.jpg'",)
    assert files(root / "dog.jpg").notes == ()


def test_boxes_as_shares_and_of_the_wrong_animal(tree):
    root = tree("cat.jpg")
    head = "image,class,part,xmin,ymin,xmax,ymax\n"
    (root / "boxes.csv").write_text(head + "cat.jpg,cat,head,0.1,0.2,0.5,0.6\n")
    assert files(root).records[0].boxes == (Box("cat", "head", 0.1, 0.2, 0.5, 0.6, relative=True),)
    (root / "boxes.csv").write_text(head + "cat.jpg,dog,head,1,2,3,4\n")
    with pytest.raises(DatasetError, match="line 2: box of a dog on an image of a cat"):
        files(root)


def test_boxes_that_are_a_pipe_do_not_hang(tree):
    root = tree("cat.jpg")
    os.mkfifo(root / "boxes.csv")
    with pytest.raises(DatasetError, match=r"boxes.csv' is no regular file"):
        files(root)


def test_more_boxes_than_any_picture_has(tree):
    root = tree("cat.jpg")
    (root / "boxes.csv").write_text("image,class,part,xmin,ymin,xmax,ymax\n" + "cat.jpg,cat,head,1,2,3,4\n" * 1001)
    with pytest.raises(DatasetError, match=r"boxes.csv' line 1002: 'cat.jpg' has 1001 boxes, expected at most 1000"):
        files(root)


def test_sub_folders_and_what_else_is_left_out_are_counted(tree):
    root = tree("cat.jpg", "dog.heic", "both.jpg", "more/cat.jpg", "more/deep/dog.jpg", ".cache/cat.jpg")
    dataset = files(root)
    assert [record.image_id for record in dataset.records] == ["both.jpg", "cat.jpg"]
    assert Counter(skip.kind for skip in dataset.skipped) == {
        "files in sub-folders": 2,
        "HEIC photographs": 1,
        "hidden files and folders": 1,
    }
    (root / "both.jpg").unlink()
    with pytest.raises(DatasetError, match="shows a dog; 1 show a cat; left out: HEIC photographs: 1"):
        files(root)


def test_an_archive_is_to_be_unpacked(tree):
    with pytest.raises(DatasetError, match=r"cats.zip' is an archive; unpack it and name the folder"):
        files(tree("cats.zip") / "cats.zip")


def test_one_picture_under_two_names(tree):
    root = tree("cat.jpg")
    (root / "dog.jpg").write_bytes((root / "cat.jpg").read_bytes())
    with pytest.raises(DatasetError, match="are the same picture under two labels"):
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


def test_names_of_other_classes(tree):
    root = tree("a bird.jpg", "fishes2.png", "cat_and_bird.png", "cat fish.png", "both.jpg", "frog.jpg")
    dataset = files(root, classes=("cat", "fish", "bird", "cat fish"))
    assert {r.image_id: r.label for r in dataset.records} == {
        "a bird.jpg": "bird",
        "fishes2.png": "fish",
        "cat_and_bird.png": "bird+cat",
        "cat fish.png": "cat fish",
    }
    reasons = [skip.reason for skip in dataset.skipped]
    assert len(reasons) == 2
    assert all("put cat, fish, bird or cat fish into the name (my_cat.png)" in reason for reason in reasons)
