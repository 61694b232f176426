import os

import pytest

from datasets import DATASETS, Box, DatasetError

csv_list = DATASETS["csv"]


@pytest.fixture
def listing(tree):
    """A CSV file beside three pictures and a mask."""
    root = tree("a.jpg", "deep/b.jpg", "c.jpg", "m.png")

    def write(text: str | bytes):
        path = root / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_paths_labels_masks_and_boxes(listing):
    path = listing("path,label,mask,boxes\na.jpg,Cat,m.png,\ndeep/b.jpg,both,,cat head 1 2 3 4; dog animal 0 0 9.5 9\n")
    first, second = csv_list(path).records
    assert (first.image_id, first.label, first.mask_path) == ("a.jpg", "cat", path.parent / "m.png")
    assert (second.label, second.path) == ("cat+dog", path.parent / "deep" / "b.jpg")
    assert second.boxes == (Box("cat", "head", 1, 2, 3, 4), Box("dog", "animal", 0, 0, 9.5, 9))


def test_columns_in_any_order_and_a_byte_order_mark(listing):
    assert csv_list(listing("\ufefflabel,path\ndog,c.jpg\n")).records[0].label == "dog"


def test_missing_images_and_masks_are_skipped_with_the_path(listing):
    dataset = csv_list(listing("path,label,mask\na.jpg,cat,\ngone.jpg,cat,\nc.jpg,cat,lost.png\n"))
    assert [record.image_id for record in dataset.records] == ["a.jpg"]
    reasons = [skip.reason.rsplit("/", 1)[-1] for skip in dataset.skipped]
    assert reasons == ["gone.jpg' not found", "lost.png' not found"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\na.jpg\n", "column 'label' is missing"),
        ("path,labels\na.jpg,cat\n", r"unknown column 'labels' \(did you mean 'label'\?\)"),
        ("path,label\na.jpg,horse\n", "line 2: label is 'horse', expected cat, dog or both"),
        ("path,label\na.jpg\n", "line 2: label is ''"),
        ("path,label\n,cat\n", "line 2: path is empty"),
        ("path,label,boxes\na.jpg,cat,cat head 1 2 3\n", "line 2: box is 'cat head 1 2 3', expected class part"),
        ("path,label,boxes\na.jpg,cat,cat head 3 2 1 4\n", "line 2: box is 3 2 1 4, expected xmin < xmax"),
        ("path,label\na.jpg,cat\na.jpg,cat\n", "line 3: 'a.jpg' is listed twice, first in line 2"),
        ("path,label\na.jpg,0\n", "line 2: label is '0', expected cat, dog or both; a number does not say"),
        ("a.jpg,cat\n", "unknown column 'a.jpg' .*the first line names the columns"),
        ("path,label\n", "no images in"),
        ("", "column 'path' is missing"),
        (b"path,label\n\xff.jpg,cat\n", r"no images in .*listed files that are not there: 1, .*\\xff.jpg' not found"),
    ],
)
def test_broken_lists(listing, text, said):
    with pytest.raises(DatasetError, match=said):
        csv_list(listing(text))


def test_masks_that_are_folders_empty_or_lost(listing):
    path = listing("path,label,mask\na.jpg,cat,deep\ndeep/b.jpg,cat, \nc.jpg,cat,m.png\n")
    dataset = csv_list(path)
    assert [(r.image_id, r.mask_path) for r in dataset.records] == [
        ("deep/b.jpg", None),
        ("c.jpg", path.parent / "m.png"),
    ]
    assert [(skip.reason, skip.kind) for skip in dataset.skipped] == [
        (f"'{path.parent / 'deep'}' is a folder", "listed files that are not there")
    ]


def test_a_mask_for_two_animals_is_refused_with_the_remedy(listing):
    said = r"line 3: a mask does not say which animal is which; .* boxes with classes \(cat animal xmin"
    with pytest.raises(DatasetError, match=said):
        csv_list(listing("path,label,mask\na.jpg,cat,m.png\nc.jpg,both,m.png\n"))


def test_shares_of_the_image_and_pixels_are_told_apart_by_row(listing):
    path = listing("path,label,boxes\na.jpg,cat,cat head 0 .1 .5 .6;cat animal 0 0 1 1\nc.jpg,dog,\n")
    assert [box.relative for box in csv_list(path).records[0].boxes] == [True, True]
    with pytest.raises(DatasetError, match=r"line 2: corners from 0 to 1, but .*line 3 gives pixels"):
        csv_list(listing("path,label,boxes\na.jpg,cat,cat head 0 .1 .5 .6\nc.jpg,dog,dog head 5 5 60 60\n"))
    with pytest.raises(DatasetError, match="line 2: box of a dog on an image of a cat"):
        csv_list(listing("path,label,boxes\na.jpg,cat,dog head 1 1 5 6\n"))


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ("cat head 1 2 3", "box is 'cat head 1 2 3', expected class part xmin"),
        ("cat head 1 2 3 x", "box is '1 2 3 x', expected xmin"),
        ("cat head nan 2 3 4", "box is nan 2 3 4, expected four finite numbers"),
        ("cat head 3 2 1 4", "box is 3 2 1 4, expected xmin < xmax"),
        ("cat head -9 -9 -1 5", "box is -9 -9 -1 5, outside any image"),
        ("cat head .5 .5 1.002 .9", "box is 0.5 0.5 1.002 0.9, smaller than a pixel"),
        ("cat tail 1 2 3 4", "box part is 'tail', expected one of animal, head"),
        ("horse head 1 2 3 4", "box class is 'horse', expected one of cat, dog"),
        ("dog head 1 2 3 4", "box of a dog on an image of a cat"),
        ("cat head .1 .2 .3 .4", "corners from 0 to 1, but '.*list.csv' line 2 gives pixels"),
        ("cat head 0 0 1 1", "box is 0 0 1 1, which is one pixel"),
        (";".join(["cat head 1 2 3 4"] * 1001), "'a.jpg' has 1001 boxes, expected at most 1000"),
    ],
)
def test_every_refusal_of_a_box_names_the_list_and_the_line(listing, boxes, said):
    path = listing(f"path,label,boxes\nc.jpg,dog,dog head 5 5 60 60\na.jpg,cat,{boxes}\n")
    with pytest.raises(DatasetError, match=f"^'.*list.csv' line 3: {said}"):
        csv_list(path)


def test_boxes_remember_their_line_which_makes_no_other_box(listing):
    """What is found when the picture is read, such as a box outside of it, can name the line then."""
    path = listing("path,label,boxes\na.jpg,cat,\nc.jpg,dog,dog head 5 5 60 60\n")
    (box,) = csv_list(path).records[1].boxes
    assert box.where == f"'{path}' line 3"
    assert box == Box("dog", "head", 5, 5, 60, 60)
    assert repr(box) == repr(Box("dog", "head", 5.0, 5.0, 60.0, 60.0))


def test_paths_of_windows_spaces_and_other_encodings(listing):
    text = "Path;Label\r\ndeep\\b.jpg;DOGS\r\n a.jpg ; Cat\r\n"
    path = listing(text)
    assert [record.path.name for record in csv_list(path).records] == ["b.jpg", "a.jpg"]
    (path.parent / "c.jpg").rename(path.parent / "Kätzchen.jpg")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        records = csv_list(listing("path,label\nKätzchen.jpg,cat\na.jpg,dog\n".encode(encoding))).records
        assert records[0].path.is_file()


def test_paths_elsewhere_are_allowed_if_they_are_files(listing, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.jpg"
    path = listing("")
    (path.parent / "a.jpg").rename(outside)
    os.mkfifo(path.parent / "pipe.jpg")
    up = f"../{outside.parent.name}/x.jpg" if outside.parent.parent == path.parent.parent else str(outside)
    dataset = csv_list(listing(f"path,label\n{up},cat\nc.jpg,dog\npipe.jpg,dog\n/dev/zero,dog\n{'x' * 5000},dog\n"))
    assert [record.path.resolve() for record in dataset.records] == [outside, path.parent / "c.jpg"]
    assert [skip.reason.rsplit("' ", 1)[1] for skip in dataset.skipped] == ["is no regular file"] * 2 + ["not found"]


def test_a_picture_under_two_labels_is_refused_by_whatever_path(listing):
    path = listing("")
    (path.parent / "link.jpg").symlink_to(path.parent / "a.jpg")
    with pytest.raises(DatasetError, match=r"a.jpg' \(cat\) and .*link.jpg' \(dog\) are the same picture"):
        csv_list(listing("path,label\na.jpg,cat\nlink.jpg,dog\n"))
    dataset = csv_list(listing("path,label\na.jpg,cat\nlink.jpg,cat\n./a.jpg,cat\nc.jpg,dog\n"))
    assert [record.image_id for record in dataset.records] == ["a.jpg", "c.jpg"]
    assert len(dataset.skipped) == 2


def test_a_class_of_which_no_file_is_there_stops(listing):
    with pytest.raises(DatasetError, match=r"shows a dog; 1 show a cat; left out: listed files that are not there: 2"):
        csv_list(listing("path,label\na.jpg,cat\nx.jpg,dog\ny.jpg,dog\n"))
    assert len(csv_list(listing("path,label\na.jpg,cat\n")).records) == 1


def test_one_mask_that_is_missing_is_not_read_as_none(listing):
    """An image whose mask is lost would be scored without the metrics that the others have."""
    dataset = csv_list(listing("path,label,mask\na.jpg,cat,lost.png\nc.jpg,cat,m.png\n"))
    assert [record.image_id for record in dataset.records] == ["c.jpg"]


def test_a_folder_is_no_list(tmp_path):
    with pytest.raises(DatasetError, match="is no file; expected a CSV file"):
        csv_list(tmp_path)


NAMES = ("bird", "cat", "golden retriever")


def test_labels_and_boxes_of_other_classes(listing):
    path = listing(
        "path,label,boxes\na.jpg,Birds,bird head 1 2 3 4\ndeep/b.jpg,cat + Golden_Retriever,"
        "golden retriever animal 1 2 9 9; CAT head 1 1 5 5\nc.jpg,cat+bird+golden-retriever,\n"
    )
    records = csv_list(path, classes=NAMES).records
    assert [record.label for record in records] == ["bird", "cat+golden retriever", "bird+cat+golden retriever"]
    assert records[1].boxes == (Box("golden retriever", "animal", 1, 2, 9, 9), Box("cat", "head", 1, 1, 5, 5))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.jpg,both,", "label is 'both', expected bird, cat or golden retriever, or several as in bird.cat$"),
        ("a.jpg,cat+brid,", r"label is 'cat\+brid', expected .* \(did you mean 'bird'\?\)"),
        ("a.jpg,cat,bird head 1 2 3 4", "line 2: box of a bird on an image of a cat; correct"),
        ("a.jpg,cat,horse head 1 2 3 4", "line 2: box class is 'horse', expected one of bird, cat, golden retriever"),
    ],
)
def test_labels_and_boxes_of_no_class(listing, row, said):
    with pytest.raises(DatasetError, match=said):
        csv_list(listing(f"path,label,boxes\n{row}\n"), classes=NAMES)


def test_a_class_called_both_is_a_class(listing):
    assert csv_list(listing("path,label\na.jpg,both\n"), classes=("both", "none")).records[0].label == "both"
