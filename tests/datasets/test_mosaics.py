from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets import Dataset, DatasetError, Record, load_batches, synthetic
from datasets.mosaics import mosaics

CLASSES = ("cat", "dog", "fox")


def photographs(folder: Path, counts: dict[str, int]) -> Dataset:
    """Pictures of one colour each: 10, 20, 30 ... in red for cats, green for dogs, blue for foxes."""
    records = []
    for channel, (name, count) in enumerate(counts.items()):
        for number in range(count):
            pixels = np.zeros((40, 60, 3), dtype=np.uint8)
            pixels[..., channel] = 10 * (number + 1)
            path = folder / f"{name}{number}.png"
            Image.fromarray(pixels).save(path)
            records.append(Record(path.name, path, (name,)))
    return Dataset("some", folder, None, tuple(records))


def test_two_of_each_class_side_by_side_and_a_mask_of_each_classs_tiles(tmp_path):
    made = mosaics(photographs(tmp_path, {"cat": 3, "dog": 4}), 5, seed=0)
    assert [record.image_id for record in made.records] == [f"mosaic/{n:05d}" for n in range(5)]
    (batch,) = load_batches(made.records, [range(5)], resize=34, crop=32, classes=CLASSES)
    assert (batch.ids, batch.skipped) == (tuple(record.image_id for record in made.records), ())
    assert batch.present.tolist() == [[True, True, False]] * 5
    for image, masks, record in zip(batch.images, batch.masks, made.records, strict=True):
        assert sorted(tile.classes[0] for tile in record.tiles) == ["cat", "cat", "dog", "dog"]
        assert len({tile.image_id for tile in record.tiles}) == 4
        for place, tile in enumerate(record.tiles):
            rows, columns = (slice(16 * n, 16 * n + 16) for n in divmod(place, 2))
            there, channel = image[:, rows, columns], CLASSES.index(tile.classes[0])
            shade = 10 * (int(tile.image_id[3]) + 1)
            assert (there[channel] == shade).all() and there.sum() == 256 * shade
            assert [masks[k, rows, columns].float().mean().item() for k in range(3)] == [
                float(k == channel) for k in range(3)
            ]
    assert len({tuple(tile.image_id for tile in record.tiles) for record in made.records}) == 5


def test_sides_that_are_odd_are_filled(tmp_path):
    made = mosaics(photographs(tmp_path, {"cat": 2, "dog": 2}), 1, seed=0)
    (batch,) = load_batches(made.records, [[0]], resize=33, crop=(33, 21), classes=CLASSES[:2])
    assert batch.images.shape == (1, 3, 33, 21)
    assert (batch.masks.sum(dim=1) == 1).all()
    assert (batch.images.amax(dim=1) >= 10).all()


def test_seed_and_number_decide_and_order_does_not(tmp_path):
    given = photographs(tmp_path, {"cat": 5, "dog": 5, "fox": 5})
    turned = Dataset("some", tmp_path, None, given.records[::-1])
    few, many, other = mosaics(given, 2, 0), mosaics(turned, 6, 0), mosaics(given, 2, 1)
    assert few.records == many.records[:2] != other.records
    assert few.fingerprint() != other.fingerprint()
    assert [record.label for record in many.records] == ["cat+dog", "cat+fox", "dog+fox"] * 2
    assert "6 mosaics of 2 x 2, made of 15 photographs" in many.notes


def test_a_tile_that_cannot_be_read_is_named_and_other_mosaics_stay(tmp_path):
    given = photographs(tmp_path, {"cat": 3, "dog": 3})
    made = mosaics(given, 6, seed=0)
    before = made.fingerprint()
    (tmp_path / "cat1.png").write_bytes(b"no picture")
    (batch,) = load_batches(made.records, [range(6)], resize=32, crop=32, classes=CLASSES[:2], workers=1)
    broken = [r.image_id for r in made.records if any(tile.image_id == "cat1.png" for tile in r.tiles)]
    assert {skipped.path for skipped in batch.skipped} == set(broken) != set()
    assert all("tile 'cat1.png'" in skipped.reason for skipped in batch.skipped)
    assert set(batch.ids) | set(broken) == {record.image_id for record in made.records}
    assert made.fingerprint() != before


def test_too_few_photographs_and_scenes_are_refused(tmp_path):
    with pytest.raises(
        DatasetError, match="a mosaic needs two photographs of each of two classes, 'some' has 1 of cat"
    ):
        mosaics(photographs(tmp_path, {"cat": 1, "dog": 4}), 1, seed=0)
    with pytest.raises(DatasetError, match="--dataset synthetic is drawn; leave --mosaic out"):
        mosaics(synthetic(), 1, seed=0)
