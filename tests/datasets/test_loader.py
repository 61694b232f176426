import os
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from datasets import DATASETS, Box, Record, load_batches
from datasets.decode import read_photograph

OPTIONS = {"resize": 32, "crop": 24, "classes": ("cat", "dog")}


@pytest.fixture
def records(tmp_path, picture):
    made = []
    for number in range(7):
        path = tmp_path / f"{number}.png"
        picture(40 + number, 30 + number).save(path)
        made.append(Record(path.name, path, ("cat",) if number % 2 else ("dog",)))
    (tmp_path / "4.png").write_bytes(b"")
    return made


def test_one_batch_per_list_and_unreadable_images_are_listed(records):
    batches = list(load_batches(records, [[0, 1], [4], [3, 4, 5, 6]], **OPTIONS))
    assert [batch.ids for batch in batches] == [("0.png", "1.png"), (), ("3.png", "5.png", "6.png")]
    assert [batch.positions for batch in batches] == [(0, 1), (), (3, 5, 6)]
    assert [len(batch.skipped) for batch in batches] == [0, 1, 1]
    assert batches[1].skipped[0].reason == "empty file"
    assert batches[0].images.shape == (2, 3, 24, 24)
    assert batches[1].images.shape == (0, 3, 24, 24)
    assert batches[0].present.tolist() == [[False, True], [True, False]]
    assert batches[0].masks is batches[0].faces is None


def test_class_order_is_the_checkpoints(records):
    batch = next(load_batches(records, [[0]], resize=32, crop=24, classes=("dog", "cat")))
    assert batch.present.tolist() == [[True, False]]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(records, workers):
    lists = [[0, 1], [2, 3, 4], [5], [6]]
    for one, other in zip(
        load_batches(records, lists, **OPTIONS), load_batches(records, lists, workers=workers, **OPTIONS), strict=True
    ):
        assert torch.equal(one.images, other.images)
        assert (one.ids, one.skipped) == (other.ids, other.skipped)


def test_no_batches(records):
    assert list(load_batches(records, [], workers=2, **OPTIONS)) == []


def test_masks_of_one_animal_serve_both_classes_and_unknown_is_ignore(tmp_path, picture):
    picture(32, 32).save(tmp_path / "a.png")
    Image.fromarray(np.tile(np.repeat(np.array([1, 2], dtype=np.uint8), 16), (32, 1))).save(tmp_path / "m.png")
    values = ((1, 1), (2, 0), (3, 255))
    records = [
        Record("a", tmp_path / "a.png", ("cat",), tmp_path / "m.png", values, (Box("cat", "head", 0, 0, 8, 8),)),
        Record("b", tmp_path / "a.png", ("dog",)),
    ]
    batch = next(load_batches(records, [[0, 1]], resize=32, crop=32, classes=("cat", "dog")))
    assert torch.equal(batch.masks[0, 0], batch.masks[0, 1])
    assert batch.masks[0, 0, 0].tolist() == [1] * 16 + [0] * 16
    assert batch.faces[0, 0].sum() == 64
    assert (batch.masks[1] == 255).all()
    assert (batch.faces[1] == 255).all()


def test_two_animals_have_a_mask_each(tmp_path, picture):
    picture(32, 32).save(tmp_path / "a.png")
    boxes = (Box("cat", "animal", 0, 0, 8, 32), Box("dog", "animal", 16, 0, 32, 32))
    record = Record("a", tmp_path / "a.png", ("cat", "dog"), boxes=boxes)
    batch = next(load_batches([record], [[0]], resize=32, crop=32, classes=("dog", "cat")))
    assert batch.present.tolist() == [[True, True]]
    assert (batch.masks[0] == 1).sum(dim=(1, 2)).tolist() == [16 * 32, 8 * 32]
    assert batch.faces is None


def test_mask_of_another_size_is_a_reason_to_skip(tmp_path, picture):
    picture(32, 32).save(tmp_path / "a.png")
    Image.new("L", (20, 10)).save(tmp_path / "m.png")
    record = Record("a", tmp_path / "a.png", ("cat",), tmp_path / "m.png")
    batch = next(load_batches([record], [[0]], **OPTIONS))
    assert batch.skipped[0].reason == "mask 'm.png' is 20x10 pixels, the image 32x32"


def test_real_pets_have_masks_and_faces(shared):
    records = DATASETS["oxford-iiit-pet"](shared / "data", "test", False).limited(12).records
    batch = next(load_batches(records, [range(12)], resize=224, crop=224, classes=("cat", "dog")))
    assert batch.images.shape == (12, 3, 224, 224)
    shares = (batch.masks == 1).float().mean(dim=(1, 2, 3))
    assert ((shares > 0.02) & (shares < 0.95)).all()
    with_face = (batch.faces[:, 0] != 255).any(dim=2).any(dim=1)
    assert with_face.tolist() == [record.has_face for record in records]
    known = (batch.faces == 1) & (batch.masks != 255)  # the trimaps' outlines are neither animal nor background
    inside = (known & (batch.masks == 1)).sum() / known.sum()
    assert inside > 0.6  # heads are on the animals


@pytest.mark.parametrize("workers", [0, 1])
def test_images_that_change_or_disappear_after_the_beginning_are_skipped(records, picture, workers):
    batches = load_batches(records, [[0, 1, 2], [3]], workers=workers, **OPTIONS)  # the run begins here
    picture(41, 41).save(records[0].path)
    records[1].path.unlink()
    (first, second) = batches
    assert first.positions == (2,)
    assert [skip.reason for skip in first.skipped] == [
        "changed since the run began",
        "cannot be opened: No such file or directory",
    ]
    assert second.positions == (3,)


def test_a_mask_that_changes_after_the_beginning_is_a_reason_to_skip(tmp_path, picture):
    picture(32, 32).save(tmp_path / "a.png")
    Image.new("L", (32, 32), 1).save(tmp_path / "m.png")
    batches = load_batches([Record("a", tmp_path / "a.png", ("cat",), tmp_path / "m.png")], [[0]], **OPTIONS)
    Image.new("L", (32, 32), 0).save(tmp_path / "m.png")
    assert next(batches).skipped[0].reason == "mask 'm.png' cannot be read: changed since the run began"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_pipe_among_the_images_or_masks_does_not_hang(records, tmp_path, workers):
    os.mkfifo(tmp_path / "pipe.png")
    records[1] = Record("pipe", tmp_path / "pipe.png", ("cat",))
    records[2] = Record("mask", records[2].path, ("cat",), tmp_path / "pipe.png")
    (batch,) = load_batches(records, [[0, 1, 2]], workers=workers, **OPTIONS)
    assert batch.ids == ("0.png",)
    assert [skip.reason for skip in batch.skipped] == [
        "is a pipe, expected a regular file",
        "mask 'pipe.png' cannot be read: is a pipe, expected a regular file",
    ]


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError("deep"), NotImplementedError(), IndexError("list"), zlib.error("-3")]
)
def test_whatever_reading_raises_is_that_images_skip(records, monkeypatch, error):
    def read(path, stamp):
        if path == records[1].path:
            raise error
        return read_photograph(path, stamp)

    monkeypatch.setattr("datasets.reading.read_photograph", read)
    (batch,) = load_batches(records, [[0, 1, 2]], **OPTIONS)
    assert batch.ids == ("0.png", "2.png")
    assert batch.skipped[0].reason.startswith(f"cannot be read: {type(error).__name__}")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [6, 8])
@pytest.mark.parametrize("stored", [False, True])
def test_the_mask_of_a_turned_photograph_is_turned_with_it(tmp_path, kind, orientation, stored):
    pixels = np.zeros((40, 60), dtype=np.uint8)
    pixels[:20, :30] = 255  # the animal is white, in a corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "a.jpg", kind, exif=exif, quality=95)
    upright = Image.fromarray(pixels).rotate(-90 if orientation == 6 else 90, expand=True)
    (Image.fromarray(pixels) if stored else upright).save(tmp_path / "m.png")
    record = Record("a", tmp_path / "a.jpg", ("cat",), tmp_path / "m.png")
    batch = next(load_batches([record], [[0]], resize=40, crop=40, classes=("cat", "dog")))
    assert not batch.skipped
    white = batch.images[0, 0] > 128
    assert (white == (batch.masks[0, 0] == 1)).float().mean() > 0.95
    assert (batch.masks[0, 0] == 1).sum() == 400


def test_a_mask_of_an_upside_down_photograph_is_refused_by_name(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 3
    picture(60, 40).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(np.tri(40, 60, dtype=np.uint8)).save(tmp_path / "m.png")
    batch = next(load_batches([Record("a", tmp_path / "a.jpg", ("cat",), tmp_path / "m.png")], [[0]], **OPTIONS))
    assert batch.skipped[0].reason.startswith(
        "mask 'm.png' may be turned or not: the photograph's EXIF orientation is 3"
    )


def test_a_photograph_that_shows_neither_has_no_boxes(records):
    records[0] = Record("0.png", records[0].path, (), boxes=(Box("cat", "animal", 0, 0, 9, 9),))
    (batch,) = load_batches(records, [[0]], **OPTIONS)
    assert batch.present.tolist() == [[False, False]]
    assert (batch.masks == 255).all()
