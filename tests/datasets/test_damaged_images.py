import importlib.util
import os
from pathlib import Path

import pytest
import torch

from datasets import DATASETS, Record, Skipped, load_batches
from datasets.decode import UnreadableError, read_image, read_mask
from datasets.geometry import fit_of
from datasets.reading import Reader

place = Path(__file__).resolve().parents[1] / "fuzz" / "damaged_images.py"
spec = importlib.util.spec_from_file_location("damaged_images", place)
images = importlib.util.module_from_spec(spec)
spec.loader.exec_module(images)

COUNT = int(2000 * float(os.environ.get("CAMBENCH_FUZZ", "1")))
VALUES = {value: value % 2 for value in range(256)}
OPTIONS = {"resize": 32, "crop": 24, "classes": ("cat", "dog")}


def reason_is_fit(reason: str) -> bool:
    return bool(reason.strip()) and len(reason.splitlines()) == 1 and len(reason) < 500 and " at 0x" not in reason


def outcome(path: Path, name: str) -> bool:
    """Whether the image can be read, all three ways of reading it checked."""
    try:
        pixels = read_image(path)
        assert pixels.dtype == torch.uint8, name
        assert pixels.ndim == 3, name
        assert pixels.shape[0] == 3, name
        read = True
    except UnreadableError as error:
        assert reason_is_fit(str(error)), name
        read = False
    try:
        mask = read_mask(path, VALUES)
        assert mask.dtype == torch.uint8, name
        assert mask.ndim == 2, name
    except UnreadableError as error:
        assert reason_is_fit(str(error)), name
        assert str(error).startswith("mask 'x' "), name
    record = Record(name, path, ("cat",), path, tuple(VALUES.items()))
    found = Reader({0: record}, {}, fit_of(32, 24), ("cat", "dog")).read(0)
    assert isinstance(found, Skipped) or [part.shape[-1] for part in found] == [24] * 4, name
    assert not isinstance(found, Skipped) or reason_is_fit(found.reason), name
    return read


def test_whole_images_of_every_kind_are_read(tmp_path):
    unread = set()
    for name, content in images.whole().items():
        (tmp_path / "x").write_bytes(content)
        if not outcome(tmp_path / "x", name):
            unread.add(name)
    # A program that draws, and numbers of unknown scale.
    assert unread == {"eps", "tiff-integer", "spider"}


def test_bombs_are_refused(tmp_path):
    for name, content in images.bombs().items():
        (tmp_path / "x").write_bytes(content)
        read = outcome(tmp_path / "x", name)
        assert read == (name == "bomb-png-too-thin"), name


@pytest.mark.parametrize("seed", range(4))
def test_damaged_images_are_read_or_have_a_reason(tmp_path, seed):
    read = sum(
        (tmp_path / "x").write_bytes(content) >= 0 and outcome(tmp_path / "x", name)
        for name, content in images.damaged(COUNT // 4, seed)
    )
    assert 0.1 < read / (COUNT // 4) < 0.9


def test_damaged_images_among_others_change_nothing(tmp_path, picture):
    records, batches = [], []
    for number, (name, content) in enumerate([*images.bombs().items(), *images.damaged(24, 99)]):
        good, bad = tmp_path / f"{number}.png", tmp_path / name
        picture(40 + number, 40).save(good)
        bad.write_bytes(content)
        batches.append([len(records), len(records) + 1])
        records += [Record(str(number), good, ("cat",)), Record(name, bad, ("dog",))]
    one, other = (list(load_batches(records, batches, workers=count, **OPTIONS)) for count in (0, 2))
    for here, there in zip(one, other, strict=True):
        assert here.positions[0] % 2 == 0
        assert (here.ids, here.skipped) == (there.ids, there.skipped)
        assert torch.equal(here.images, there.images)


def folder_of(root: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (root / "cats" if number % 2 else root / "dogs").mkdir(exist_ok=True)
        (root / name).rename(root / ("cats" if number % 2 else "dogs") / name)


def list_of(root: Path, names: list[str]) -> None:
    rows = [f"{name},{'cat' if number % 2 else 'dog'},{names[-number]}" for number, name in enumerate(names)]
    (root / "list.csv").write_text("path,label,mask\n" + "\n".join(rows) + "\n")


def pets_of(root: Path, names: list[str]) -> None:
    pets = root / "oxford-iiit-pet"
    for part in ("images", "annotations/trimaps"):
        (pets / part).mkdir(parents=True)
    lines = []
    for number, name in enumerate(names):
        breed = "Abyssinian" if number % 2 else "beagle"
        (root / name).rename(pets / "images" / f"{breed}_{number}.jpg")
        (pets / "annotations" / "trimaps" / f"{breed}_{number}.png").write_bytes(images.TRIMAP)
        lines.append(f"{breed}_{number} {1 + number % 2} {2 - number % 2} 1")
    (pets / "annotations" / "test.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("adapter", "arrange", "place"),
    [
        ("folder", folder_of, "."),
        ("files", lambda root, names: None, "."),
        ("csv", list_of, "list.csv"),
        ("oxford-iiit-pet", pets_of, "."),
    ],
)
def test_damaged_images_through_every_adapter(tmp_path, adapter, arrange, place):
    names = []
    for number, (_, content) in enumerate(images.damaged(COUNT // 2, 7)):
        names.append(f"{'cat' if number % 2 else 'dog'}.{number}.png")
        (tmp_path / names[-1]).write_bytes(content)
    arrange(tmp_path, names)
    dataset = DATASETS[adapter](tmp_path / place, None, False)
    assert len(dataset.records) == len(names)
    batches = [list(range(start, min(start + 50, len(names)))) for start in range(0, len(names), 50)]
    for batch, wanted in zip(load_batches(dataset.records, batches, workers=1, **OPTIONS), batches, strict=True):
        assert len(batch.ids) + len(batch.skipped) == len(wanted)
        assert all(reason_is_fit(skip.reason) for skip in batch.skipped)
        assert batch.ids or adapter == "csv"  # whose masks are damaged as well
