"""Records: what is known about an image before it is opened."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path

from datasets.drawn import Drawing

CLASSES = ("cat", "dog")
PARTS = ("animal", "head")


class DatasetError(ValueError):
    """A data set that cannot be used; the message names the path, what was expected and what to do."""


@dataclass(frozen=True)
class Box:
    """A box around an animal or a head, in pixels of the upright, full-size image.

    Attributes:
        class_name: cat or dog.
        part: animal or head.
        xmin: left edge; the box covers columns xmin to xmax, rows ymin to ymax.
        ymin: upper edge.
        xmax: right edge.
        ymax: lower edge.
    """

    class_name: str
    part: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float

    def __post_init__(self) -> None:
        if self.class_name not in CLASSES:
            raise DatasetError(f"box class is '{self.class_name}', expected one of {', '.join(CLASSES)}")
        if self.part not in PARTS:
            raise DatasetError(f"box part is '{self.part}', expected one of {', '.join(PARTS)}")
        if not (self.xmin < self.xmax and self.ymin < self.ymax):
            corners = f"{self.xmin:g} {self.ymin:g} {self.xmax:g} {self.ymax:g}"
            raise DatasetError(f"box is {corners}, expected xmin < xmax and ymin < ymax")


@dataclass(frozen=True)
class Record:
    """An image and what it shows.

    Attributes:
        image_id: unique in the data set and stable between runs.
        path: of the file.
        classes: what is visible: ("cat",), ("dog",) or ("cat", "dog"); () for neither, to train on alone.
        mask_path: a PNG of the image's size that says where the animal is, or None.
        mask_values: pixel value in that PNG to 1 object, 0 background, 255 ignore.
        boxes: animals and heads.
        drawing: draws image and masks; then `path` is only a name.
    """

    image_id: str
    path: Path
    classes: tuple[str, ...]
    mask_path: Path | None = None
    mask_values: tuple[tuple[int, int], ...] = ((0, 0), (1, 1), (255, 255))
    boxes: tuple[Box, ...] = ()
    drawing: Drawing | None = None

    def __post_init__(self) -> None:
        if self.classes not in ((), ("cat",), ("dog",), ("cat", "dog")):
            raise DatasetError(f"classes of '{self.image_id}' are {self.classes}, expected cat, dog, both or none")

    @property
    def label(self) -> str:
        """cat, dog, cat+dog or neither."""
        return "+".join(self.classes) or "neither"

    @property
    def has_mask(self) -> bool:
        """Whether anything says where the animal is."""
        return bool(self.mask_path or self.drawing) or any(box.part == "animal" for box in self.boxes)

    @property
    def has_face(self) -> bool:
        """Whether anything says where the head is."""
        return self.drawing is not None or any(box.part == "head" for box in self.boxes)


@dataclass(frozen=True)
class Skipped:
    """An input that was not scored, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """A list of records in a fixed order.

    Attributes:
        name: of the adapter.
        root: folder or file it was read from.
        split: part of the data set, or None.
        records: what to score.
        skipped: inputs left out before any was opened.
        notes: what is wrong with an annotation that had to be left out.
    """

    name: str
    root: Path
    split: str | None
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.records:
            raise DatasetError(f"no images in '{self.root}'; expected photographs of cats and dogs, see --dataset")
        seen: set[str] = set()
        for record in self.records:
            if record.image_id in seen:
                raise DatasetError(f"'{record.image_id}' is listed twice in '{self.root}'; list each image once")
            seen.add(record.image_id)

    @property
    def drawn(self) -> bool:
        """Whether any image is drawn."""
        return any(record.drawing is not None for record in self.records)

    def limited(self, count: int) -> "Dataset":
        """The first `count` records, taken in turn from each label, in their order here."""
        by_label: dict[str, list[int]] = defaultdict(list)
        for position, record in enumerate(self.records):
            by_label[record.label].append(position)
        turns = chain.from_iterable(zip_longest(*(by_label[label] for label in sorted(by_label))))
        chosen = sorted([position for position in turns if position is not None][:count])
        return replace(self, records=tuple(self.records[position] for position in chosen))

    def fingerprint(self) -> str:
        """SHA-256 over ids, labels, boxes and the contents of images and masks."""
        digest = hashlib.sha256()
        for record in self.records:
            digest.update(repr((record.image_id, record.label, record.boxes)).encode())
            if record.drawing is not None:
                digest.update(repr(record.drawing).encode())
                continue
            for path in (record.path, record.mask_path):
                digest.update(b"-" if path is None else _content_hash(path))
        return digest.hexdigest()


def printable(path: Path | str) -> str:
    r"""A path as text that any file format takes: undecodable bytes become \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def existing_folder(root: Path, expected: str) -> Path:
    """The folder, checked.

    Raises:
        DatasetError: missing, not a folder, or unreadable.
    """
    if not root.exists():
        raise DatasetError(f"data root '{printable(root)}' not found; expected {expected}")
    if not root.is_dir():
        raise DatasetError(f"data root '{printable(root)}' is a file; expected {expected}")
    if not os.access(root, os.R_OK | os.X_OK):
        raise DatasetError(f"data root '{printable(root)}' cannot be read; check its permissions")
    return root


def sorted_paths(paths: Iterable[Path]) -> list[Path]:
    """Paths in one order on every machine."""
    return sorted(paths, key=os.fsencode)


def _content_hash(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b"unreadable"
