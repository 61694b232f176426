import os
import shutil
from collections import Counter

import pytest

from datasets import DATASETS, Box, DatasetError

pets = DATASETS["oxford-iiit-pet"]


@pytest.fixture
def copy(shared, tmp_path):
    """The first five pets of the test split, to be damaged."""
    source, target = shared / "data" / "oxford-iiit-pet", tmp_path / "oxford-iiit-pet"
    lines = (source / "annotations" / "test.txt").read_text().splitlines()[:5]
    for folder in ("images", "annotations/trimaps", "annotations/xmls"):
        (target / folder).mkdir(parents=True)
    (target / "annotations" / "test.txt").write_text("\n".join(lines) + "\n")
    names = [line.split()[0] for line in lines]
    for name in names:
        shutil.copy(source / "images" / f"{name}.jpg", target / "images")
        shutil.copy(source / "annotations" / "trimaps" / f"{name}.png", target / "annotations" / "trimaps")
    return target, names


def test_real_splits(shared):
    test, trainval = pets(shared / "data"), pets(shared / "data", "trainval")
    assert (len(test.records), len(trainval.records)) == (132, 131)
    assert Counter(record.label for record in test.records) == {"cat": 69, "dog": 63}
    assert all(record.mask_path.is_file() for record in test.records)
    assert sum(record.has_face for record in test.records) == 45
    assert not {r.image_id for r in test.records} & {r.image_id for r in trainval.records}
    assert not test.skipped
    assert not test.notes


def test_labels_follow_the_breeds(shared):
    """In this data set the names of cat breeds begin with a capital letter."""
    for record in pets(shared / "data").records:
        assert record.label == ("cat" if record.image_id[0].isupper() else "dog")


def test_the_folder_itself_may_be_named(shared):
    inside = pets(shared / "data" / "oxford-iiit-pet")
    assert inside.records == pets(shared / "data").records
    assert inside.root == shared / "data"


def test_a_lost_image_or_trimap_is_skipped(copy):
    root, names = copy
    (root / "images" / f"{names[0]}.jpg").unlink()
    (root / "annotations" / "trimaps" / f"{names[1]}.png").unlink()
    dataset = pets(root)
    assert [record.image_id for record in dataset.records] == names[2:]
    assert [skip.reason for skip in dataset.skipped] == [
        f"listed in test.txt, but '{names[0]}.jpg' is missing",
        f"listed in test.txt, but '{names[1]}.png' is missing",
    ]


@pytest.mark.parametrize("text", ["<annotation>", "<a><bndbox><xmin>5</xmin></bndbox></a>"])
def test_a_broken_head_box_costs_the_box_alone_and_is_noted(copy, text):
    root, names = copy
    (root / "annotations" / "xmls" / f"{names[0]}.xml").write_text(text)
    dataset = pets(root)
    assert len(dataset.records) == 5
    assert not dataset.records[0].has_face
    assert len(dataset.notes) == 1
    assert dataset.notes[0].startswith(f"{names[0]} is scored without its head box: ")


def xml(encoding: str = "utf-8", corners: str = "10 20 30 40", count: int = 1) -> bytes:
    values = zip(("xmin", "ymin", "xmax", "ymax"), corners.split(), strict=True)
    box = "<object><bndbox>" + "".join(f"<{name}>{value}</{name}>" for name, value in values) + "</bndbox></object>"
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<annotation>{box * count}</annotation>'
    return text.encode(encoding if encoding.startswith("utf-16") else "latin-1")


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-16", "utf-7", "rot13", "zlib", "idna", "punycode", "big5", "undefined", "no-such", "unicode_escape"],
)
def test_whatever_encoding_a_head_box_says_it_has(copy, encoding):
    """The tags and numbers are ASCII, so the box is known; no codec that a file names is looked up."""
    root, names = copy
    (root / "annotations" / "xmls" / f"{names[0]}.xml").write_bytes(xml(encoding))
    assert pets(root).records[0].boxes == (Box("cat", "head", 10, 20, 30, 40),)


BOMB = b"""<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>
<a><bndbox><xmin>&d;</xmin></bndbox></a>"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "defines entities"),
        (BOMB.decode().encode("utf-16"), "defines entities"),
        (xml(count=1001), "1001 boxes, expected at most 1000"),
        (xml(count=20_000), "has more than 1048576 bytes"),
        (b"<a>" * 200_000, "no element found"),
        (b"\x00" * 100, "not well-formed"),
        (xml(corners="nan 2 3 4"), "expected four finite numbers"),
        (xml(corners="1 2 inf 4"), "expected four finite numbers"),
        (xml(corners="30 20 10 40"), "expected xmin < xmax"),
        (xml(corners="a 20 10 40"), "box is 'a 20 10 40', expected xmin ymin xmax ymax"),
    ],
)
def test_head_boxes_that_cannot_be_used_are_noted(copy, content, said):
    root, names = copy
    (root / "annotations" / "xmls" / f"{names[0]}.xml").write_bytes(content)
    dataset = pets(root)
    assert len(dataset.records) == 5
    assert not dataset.records[0].boxes
    assert dataset.notes[0].startswith(f"{names[0]} is scored without its head box: ")
    assert said in dataset.notes[0]


def test_pipes_do_not_hang(copy):
    root, names = copy
    os.mkfifo(root / "annotations" / "xmls" / f"{names[0]}.xml")
    assert "is no regular file" in pets(root).notes[0]
    (root / "annotations" / "test.txt").unlink()
    os.mkfifo(root / "annotations" / "test.txt")
    with pytest.raises(DatasetError, match=r"'test.txt' is no regular file"):
        pets(root)


def test_comments_empty_lines_and_windows_line_ends(copy):
    root, names = copy
    path = root / "annotations" / "test.txt"
    path.write_bytes(b"\xef\xbb\xbf#Image CLASS-ID\r\n\r\n" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert [record.image_id for record in pets(root).records] == names


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{} 99 1 1", "line 6 is '.* 99 1 1', expected a name, a breed from 1 to 37, 1 for a cat or 2 for a dog"),
        ("{} 1 3 1", "line 6 is"),
        ("{} 1 0 1", "line 6 is"),
        ("{} -1 1 1", "line 6 is"),
        ("{} 1 1", "line 6 is"),
        ("{}", "line 6 is"),
        ("{} 1 1 1 1", "line 6 is"),
        ("{} 1 1.0 1", "line 6 is"),
        ("{} " + "9" * 5000 + " 1 1", "line 6 is"),
        ("{} 1 1 1", "line 6 lists '.*' again, first listed in line 1; list each image once"),
        ("../{} 1 1 1", "line 6: the name '../.*' is a path"),
    ],
)
def test_broken_lines_of_a_split_are_refused_by_number(copy, line, said):
    root, names = copy
    with (root / "annotations" / "test.txt").open("a") as file:
        file.write(line.format(names[0]) + "\n")
    with pytest.raises(DatasetError, match=said):
        pets(root)


def test_a_species_of_which_everything_is_missing_stops(copy):
    root, _ = copy
    with (root / "annotations" / "test.txt").open("a") as file:
        file.write("beagle_1 5 2 1\nbeagle_2 5 2 2\n")
    with pytest.raises(DatasetError, match="shows a dog; 5 show a cat; left out: listed files that are not there: 2"):
        pets(root)


def test_missing_data_says_how_to_get_it(tmp_path):
    with pytest.raises(DatasetError, match="add --download where there is internet"):
        pets(tmp_path)
    (tmp_path / "oxford-iiit-pet").mkdir()
    with pytest.raises(DatasetError, match=r"no complete data set .* add --download"):
        pets(tmp_path)


def test_unknown_split(tmp_path):
    with pytest.raises(DatasetError, match="split is 'val', expected trainval or test"):
        pets(tmp_path, "val")


def test_download_is_torchvisions_and_its_failure_is_one_line(tmp_path, monkeypatch):
    asked = []

    def offline(*arguments, **options):
        asked.append(options["download"])
        raise OSError("no route to host\nand more")

    monkeypatch.setattr("datasets.oxford_pet.OxfordIIITPet", offline)
    with pytest.raises(DatasetError, match=r"\(no route to host\); add --download"):
        pets(tmp_path, "test", True)
    assert asked == [True]
