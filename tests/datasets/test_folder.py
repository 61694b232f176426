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


def test_one_class_folder_is_not_enough(tree):
    with pytest.raises(DatasetError, match="shows a cat; 1 show a dog; nothing was left out; add images"):
        folder(tree("dog/1.jpg"))


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


def test_other_files_are_listed_those_of_operating_systems_are_not(tree):
    root = tree(
        "cat/1.jpg", "cat/notes.txt", "cat/.hidden.jpg", "cat/.git/x.jpg", "cat/._1.jpg", "Thumbs.db", ".DS_Store",
        "dog/1.jpg", "dog/desktop.ini", "__MACOSX/cat/._1.jpg",
    )  # fmt: skip
    dataset = folder(root)
    assert list(listed(dataset)) == ["cat/1.jpg", "dog/1.jpg"]
    assert {Path(skip.path).name: (skip.reason, skip.kind) for skip in dataset.skipped} == {
        ".git": ("hidden", "hidden files and folders"),
        ".hidden.jpg": ("hidden", "hidden files and folders"),
        "notes.txt": ("no image file name (ending '.txt')", "files that are no images"),
    }


def test_every_kind_that_is_left_out_is_counted(tree):
    root = tree("cat/1.jpg", "cat/2.jfif", "cat/3.HEIC", "cat/4.heif", "cat/5.NEF", "dog/1.jpg", "dog/odd", "what.jpg")
    (root / "dog" / "gone.jpg").symlink_to(root / "nowhere.jpg")
    (root / "dog" / "round.jpg").symlink_to(root / "dog" / "round.jpg")
    (root / "dog" / "again.jpg").symlink_to(root / "dog" / "1.jpg")
    os.mkfifo(root / "dog" / "pipe.jpg")
    dataset = folder(root)
    assert listed(dataset) == {"cat/1.jpg": "cat", "cat/2.jfif": "cat", "dog/1.jpg": "dog"}
    assert Counter(skip.kind for skip in dataset.skipped) == {
        "HEIC photographs": 2,
        "raw camera files": 1,
        "files that are no images": 1,
        "broken links": 2,
        "pipes, sockets and devices": 1,
        "duplicates": 1,
        "names that do not say the class": 1,
    }


def test_a_class_of_which_everything_is_left_out_stops_with_the_reason(tree, monkeypatch):
    root = tree("cat/1.jpg", "dog/1.heic", "dog/2.heic", "dog/notes.txt")
    said = (
        r"shows a dog; 1 show a cat; left out: HEIC photographs: 2, files that are no images: 1, the first is .*1.heic"
    )
    with pytest.raises(DatasetError, match=said):
        folder(root)
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("datasets.listing.os.scandir", denied)
    with pytest.raises(DatasetError, match=r"left out: unreadable folders: 1, .*cannot be read: Permission denied"):
        folder(root)


def test_a_class_folder_that_is_a_broken_link_stops_with_the_reason(tree):
    root = tree("cat/1.jpg")
    (root / "dogs").symlink_to(root / "unmounted")
    with pytest.raises(DatasetError, match=r"left out: broken links: 1, .*'.*/dogs' \(link that leads to no"):
        folder(root)


def test_an_unreadable_folder_inside_a_class_is_counted(tree, monkeypatch):
    root = tree("cat/1.jpg", "cat/private/2.jpg", "dog/1.jpg")
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "private":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("datasets.listing.os.scandir", denied)
    assert [skip.kind for skip in folder(root).skipped] == ["unreadable folders"]


def test_linked_folders_are_followed_once(tree):
    root = tree("cat/1.jpg", "elsewhere/2.jpg", "dog/1.jpg")
    photos = root / "photos"
    photos.mkdir()
    (photos / "cat").symlink_to(root / "cat")
    (photos / "dog").symlink_to(root / "dog")
    (root / "cat" / "more").symlink_to(root / "elsewhere")
    (root / "cat" / "more again").symlink_to(root / "elsewhere")
    (root / "cat" / "loop").symlink_to(root / "cat")
    dataset = folder(photos)
    assert listed(dataset) == {"cat/1.jpg": "cat", "cat/more/2.jpg": "cat", "dog/1.jpg": "dog"}
    assert sorted(skip.reason.split(" as ")[0] for skip in dataset.skipped) == ["the same folder"] * 2


def test_the_same_picture_in_both_classes_is_refused_and_twice_in_one_is_counted_once(tree):
    root = tree("cat/1.jpg", "dog/1.jpg", "dog/2.jpg")
    (root / "dog" / "3.jpg").write_bytes((root / "dog" / "2.jpg").read_bytes())
    dataset = folder(root)
    assert list(listed(dataset)) == ["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"]
    assert [skip.reason for skip in dataset.skipped] == [f"same content as '{root / 'dog' / '2.jpg'}'"]
    (root / "dog" / "4.jpg").symlink_to(root / "cat" / "1.jpg")
    with pytest.raises(
        DatasetError, match=r"cat/1.jpg' \(cat\) and .*dog/4.jpg' \(dog\) are the same picture under two"
    ):
        folder(root)


def test_equal_files_that_are_no_pictures_are_no_reason_to_stop(tree):
    """Kaggle's PetImages has an empty file in each class."""
    root = tree("cat/1.jpg", "dog/1.jpg")
    for name in ("cat/666.jpg", "dog/11702.jpg"):
        (root / name).touch()
    for name in ("cat/lost.jpg", "dog/lost.jpg"):
        (root / name).write_text("<html>404</html>")
    assert len(folder(root).records) == 6


def test_what_an_archive_unpacks_to_is_entered(tree):
    root = tree("PetImages/Cat/0.jpg", "PetImages/Dog/0.jpg", "PetImages/Dog/Thumbs.db")
    (root / "readme[1].txt").write_text("x")
    (root / "__MACOSX").mkdir()
    dataset = folder(root)
    assert listed(dataset) == {"Cat/0.jpg": "cat", "Dog/0.jpg": "dog"}
    assert dataset.root == root / "PetImages"
    assert "the one folder in" in dataset.notes[0]
    assert [skip.kind for skip in dataset.skipped] == ["files that are no images"]


def test_kaggles_train_and_test_need_a_split(tree):
    root = tree("dogs-vs-cats/train/cat.0.jpg", "dogs-vs-cats/train/dog.0.jpg", "dogs-vs-cats/test1/1.jpg")
    with pytest.raises(DatasetError, match="name one with --split dogs-vs-cats/train"):
        folder(root)
    assert len(folder(root, "dogs-vs-cats/train").records) == 2
    with pytest.raises(DatasetError, match=r"no images in .*left out: names that do not say the class: 1"):
        folder(root, "dogs-vs-cats/test1")


def test_archives_are_to_be_unpacked(tree):
    root = tree("x/train.zip", "x/test1.zip")
    with pytest.raises(DatasetError, match=r"train.zip' is an archive; unpack it"):
        folder(root / "x" / "train.zip")
    with pytest.raises(DatasetError, match=r"but the archive 'test1.zip'; unpack it"):
        folder(root / "x")


def test_numbered_folders_do_not_say_which_is_which(tree):
    with pytest.raises(DatasetError, match=r"folders 0, 1 in .* rename them cat and dog \(0 is usually cat\)"):
        folder(tree("0/1.jpg", "1/1.jpg"))


def test_numbered_folders_are_no_splits_whatever_their_files_are_called(tree):
    with pytest.raises(DatasetError, match=r"folders 0, 1 in .* rename them cat and dog"):
        folder(tree("0/cat.1.jpg", "1/dog.1.jpg"))


def test_windows_names_and_digits_after_the_class(tree):
    root = tree("cat (1).jpg", "Cat - Copy.jpg", "CAT12.JPG", "dog0001.png", "Dogs_7.jpg", "doghouse.jpg")
    assert Counter(listed(folder(root)).values()) == {"cat": 3, "dog": 2}


def test_a_root_with_an_undecodable_name(tree):
    root = tree("cat/1.jpg", "dog/1.jpg")
    odd = Path(os.fsdecode(os.fsencode(root) + b"/\xe9t\xe9"))
    try:
        odd.mkdir()
    except OSError:
        pytest.skip("this file system takes no undecodable names")
    for name in ("cat", "dog"):
        (root / name).rename(odd / name)
    assert list(listed(folder(odd))) == ["cat/1.jpg", "dog/1.jpg"]
    (odd / "dog" / "1.jpg").unlink()
    with pytest.raises(DatasetError, match=r"no image in '.*\\xe9t\\xe9' shows a dog"):
        folder(odd)


def test_names_with_spaces_newlines_unicode_and_undecodable_bytes(tree):
    root = tree("cat/a b.jpg", "cat/two\nlines.jpg", "dog/犬 ü.jpg")
    source = (root / "cat" / "a b.jpg").read_bytes()
    try:
        Path(os.fsdecode(os.fsencode(root / "dog") + b"/\xff.jpg")).write_bytes(source + b"more")
    except OSError:
        pytest.skip("this file system takes no undecodable names")
    ids = list(listed(folder(root)))
    assert ids == ["cat/a b.jpg", "cat/two\nlines.jpg", "dog/犬 ü.jpg", "dog/\\xff.jpg"]


def test_split_is_a_folder_inside(tree):
    root = tree("train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "val/dog/2.jpg")
    assert listed(folder(root, "val")) == {"cat/1.jpg": "cat", "dog/2.jpg": "dog"}
    with pytest.raises(DatasetError, match="holds train, val; name one with --split train"):
        folder(root)
    with pytest.raises(DatasetError, match="the split 'test' as a folder"):
        folder(root, "test")


def test_a_class_folder_that_is_neither_is_an_error(tree):
    with pytest.raises(DatasetError, match="bird' is neither cat nor dog; expected class folders"):
        folder(tree("cat/1.jpg", "bird/1.jpg"))


def test_a_lone_folder_that_is_no_class_is_named(tree):
    with pytest.raises(DatasetError, match="bird' is neither cat nor dog; expected class folders"):
        folder(tree("bird/1.jpg"))


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
