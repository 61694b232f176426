import shutil
from collections import Counter

import pytest

from datasets import DATASETS, DatasetError

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
    assert len(dataset.notes) == 2
    assert dataset.notes[1].startswith("no image shows a dog: ")
    assert dataset.notes[0].startswith(f"{names[0]} is scored without its head box: ")


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
