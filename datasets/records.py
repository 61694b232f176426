"""Records: what is known about an image before it is opened."""

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path

from datasets.drawn import Drawing
from datasets.text import one_line, printable

__all__ = ["PARTS", "Box", "Dataset", "DatasetError", "Record", "Skipped", "printable"]

PARTS = ("animal", "head")
LONGEST_SIDE = 1_000_000  # pixels; no image is larger, so a corner beyond it is a mistake
MOST_BOXES = 1000  # per image
UNREADABLE = "images that cannot be read"
A_NAME = "a name on one line, without + and without spaces around it"
ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}


class DatasetError(ValueError):
    """A data set that cannot be used; the message, one line, names the path, what was expected and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


@dataclass(frozen=True)
class Box:
    """A box around an animal or a head, in the upright, full-size image.

    Corners may lie outside the image, as long as some of the box is inside.

    Attributes:
        class_name: whose.
        part: animal or head.
        xmin: left edge; the box covers columns xmin to xmax, rows ymin to ymax.
        ymin: upper edge.
        xmax: right edge.
        ymax: lower edge.
        relative: the corners are shares of the image's width and height, 0 to 1; else they are pixels.
        where: file and line that give the box, for messages; empty where no file does.
    """

    class_name: str
    part: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    relative: bool = field(default=False, repr=False)  # the fingerprints of boxes in pixels stay what they were
    where: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _is_name(self.class_name):
            raise DatasetError(f"box class is {self.class_name!r}, expected {A_NAME}")
        if self.part not in PARTS:
            raise DatasetError(f"box part is '{self.part}', expected one of {', '.join(PARTS)}")
        self._check_corners()

    def _check_corners(self) -> None:
        corners = (self.xmin, self.ymin, self.xmax, self.ymax)
        said = f"box is {' '.join(f'{corner:g}' for corner in corners)}"
        if not all(math.isfinite(corner) and abs(corner) <= LONGEST_SIDE for corner in corners):
            raise DatasetError(f"{said}, expected four finite numbers of at most {LONGEST_SIDE}")
        if not (self.xmin < self.xmax and self.ymin < self.ymax):
            raise DatasetError(f"{said}, expected xmin < xmax and ymin < ymax")
        if self.xmax <= 0 or self.ymax <= 0:
            raise DatasetError(f"{said}, outside any image; expected corners inside it")
        if self.relative and not all(0 <= corner <= 1 for corner in corners):
            raise DatasetError(f"{said}, expected shares of the image from 0 to 1")
        if not self.relative and min(self.xmax - self.xmin, self.ymax - self.ymin) < 1:
            raise DatasetError(f"{said}, smaller than a pixel; expected pixels, or all four corners from 0 to 1")

    @property
    def from_where(self) -> str:
        """What a message about the box begins with: file, line and a colon, or nothing."""
        return f"{self.where}: " if self.where else ""

    def in_pixels(self, width: int, height: int) -> tuple[float, float, float, float]:
        """xmin, ymin, xmax, ymax in pixels of an image of that size."""
        across, down = (width, height) if self.relative else (1, 1)
        return self.xmin * across, self.ymin * down, self.xmax * across, self.ymax * down


@dataclass(frozen=True)
class Record:
    """An image and what it shows.

    Attributes:
        image_id: unique in the data set and stable between runs.
        path: of the file.
        classes: names of the classes that are visible; () for none, to train on alone.
        mask_path: a PNG of the image's size that says where the animal is, or None.
        mask_values: pixel value in that PNG to 1 object, 0 background, 255 ignore.
        boxes: animals and heads.
        drawing: draws image and masks; then `path` is only a name.
        tiles: photographs that make this image, row by row, as many rows as columns; then `path` is only a name.
    """

    image_id: str
    path: Path
    classes: tuple[str, ...]
    mask_path: Path | None = None
    mask_values: tuple[tuple[int, int], ...] = ((0, 0), (1, 1), (255, 255))
    boxes: tuple[Box, ...] = ()
    drawing: Drawing | None = None
    tiles: tuple["Record", ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.classes, tuple) or not all(map(_is_name, self.classes)):
            raise DatasetError(
                f"classes of '{self.image_id}' are {self.classes!r}, expected a tuple of names, each {A_NAME}"
            )
        if len(set(self.classes)) < len(self.classes):
            raise DatasetError(f"classes of '{self.image_id}' are {self.classes!r}, expected each name once")
        if len(self.boxes) > MOST_BOXES:
            where = self.boxes[MOST_BOXES].from_where
            raise DatasetError(f"{where}'{self.image_id}' has {len(self.boxes)} boxes, expected at most {MOST_BOXES}")

    @property
    def label(self) -> str:
        """The class; of an image of several all of them, as in cat+dog; or neither."""
        return "+".join(sorted(self.classes)) or "neither"

    @property
    def has_mask(self) -> bool:
        """Whether anything says where the animal is."""
        return bool(self.mask_path or self.drawing or self.tiles) or any(box.part == "animal" for box in self.boxes)

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read of it: the photograph and its mask, or those of its tiles."""
        if self.tiles:
            return tuple(path for tile in self.tiles for path in tile.files)
        own = () if self.drawing is not None else (self.path, self.mask_path)
        return tuple(path for path in own if path is not None)

    @property
    def has_face(self) -> bool:
        """Whether anything says where the head is."""
        return self.drawing is not None or any(box.part == "head" for box in self.boxes)


@dataclass(frozen=True)
class Skipped:
    """An input that was not scored, and why.

    Attributes:
        path: of the input.
        reason: in words.
        kind: a few words, under which it is counted.
    """

    path: str
    reason: str
    kind: str = UNREADABLE


@dataclass(frozen=True)
class Dataset:
    """A list of records in a fixed order.

    Attributes:
        name: of the adapter.
        root: folder or file it was read from.
        split: part of the data set, or None.
        records: what to score.
        skipped: inputs left out before any was opened.
        notes: what is odd, such as an annotation that had to be left out.
        digests: SHA-256 of the images that an adapter had to read, by path.
    """

    name: str
    root: Path
    split: str | None
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    digests: Mapping[Path, bytes] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.records:
            raise DatasetError(
                f"no images in '{printable(self.root)}'; expected photographs of the classes, see --dataset"
            )
        seen: set[str] = set()
        for record in self.records:
            if record.image_id in seen:
                raise DatasetError(
                    f"'{record.image_id}' is listed twice in '{printable(self.root)}'; list each image once"
                )
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
            if any(box.relative for box in record.boxes):
                digest.update(b"relative")
            if record.drawing is not None:
                digest.update(repr(record.drawing).encode())
                continue
            if record.tiles:
                digest.update(repr([tile.image_id for tile in record.tiles]).encode())
                for file in record.files:
                    digest.update(self.digests.get(file) or content_hash(file) or b"unreadable")
                continue
            for path in (record.path, record.mask_path):
                digest.update(b"-" if path is None else self.digests.get(path) or content_hash(path) or b"unreadable")
        return digest.hexdigest()


def _is_name(name: object) -> bool:
    """Whether a class can be called that: `+` joins the names of an image of several classes."""
    return isinstance(name, str) and name.isprintable() and name.strip() == name != "" and "+" not in name


def existing_folder(root: Path, expected: str) -> Path:
    """The folder, checked.

    Raises:
        DatasetError: missing, not a folder, or unreadable.
    """
    refuse_archive(root)
    if not root.exists():
        raise DatasetError(f"data root '{printable(root)}' not found; expected {expected}")
    if not root.is_dir():
        raise DatasetError(f"data root '{printable(root)}' is a file; expected {expected}")
    if not os.access(root, os.R_OK | os.X_OK):
        raise DatasetError(f"data root '{printable(root)}' cannot be read; check its permissions")
    return root


def refuse_archive(root: Path) -> None:
    """Says that an archive has to be unpacked.

    Raises:
        DatasetError: the path is a file that is named like an archive.
    """
    if root.suffix.lower() in ARCHIVES and root.is_file():
        raise DatasetError(f"data root '{printable(root)}' is an archive; unpack it and name the folder")


def sorted_paths(paths: Iterable[Path]) -> list[Path]:
    """Paths in one order on every machine."""
    return sorted(paths, key=os.fsencode)


def content_hash(path: Path) -> bytes | None:
    """SHA-256 of a regular file; None where it cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
