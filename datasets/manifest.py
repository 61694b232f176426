"""A CSV file that lists images."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from datasets.boxes import BoxText, make_boxes
from datasets.gather import gather
from datasets.listing import MISSING, trouble
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, refuse_archive
from datasets.table import Row, read_table
from datasets.text import printable, shown

COLUMNS = ("path", "label", "mask", "boxes")
LABELS = {
    "cat": ("cat",),
    "cats": ("cat",),
    "dog": ("dog",),
    "dogs": ("dog",),
    "both": ("cat", "dog"),
    "cat+dog": ("cat", "dog"),
    "dog+cat": ("cat", "dog"),
}


def manifest(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """A CSV file with columns path, label and, optionally, mask and boxes.

    Paths are relative to the file, or absolute. label: cat, dog, both. mask: a PNG of the image's size, 1 animal, 0
    background, 255 ignore. boxes: "class part xmin ymin xmax ymax" with part animal or head, several separated by ";".

    Args:
        root: the CSV file.
        split: not supported.
        download: not supported.

    Raises:
        DatasetError: missing, no CSV, an unknown column or label, a broken box, a mask for two animals, the same
            picture under two labels, or a class of which no image is there.
    """
    if split is not None or download:
        raise DatasetError("--dataset manifest has no splits and no download; leave --split and --download out")
    refuse_archive(root)
    if not root.is_file():
        raise DatasetError(f"manifest '{printable(root)}' is no file; expected a CSV file with columns path, label")
    columns, rows = read_table(root)
    _check_columns(columns, root)
    where = [f"'{printable(root)}' line {row.line}" for row in rows]
    _check_paths(rows, root)
    labels = [_label(row, place) for row, place in zip(rows, where, strict=True)]
    boxes = _boxes(rows, labels, where)
    records, skipped, lost = [], [], {}
    for row, classes, found in zip(rows, labels, boxes, strict=True):
        paths = [
            _existing(root.parent, row.cells[name]) for name in ("path", "mask") if row.cells.get(name, "").strip()
        ]
        problem = next((f"'{printable(path)}' {why}" for path in paths if (why := trouble(path))), "")
        if problem:
            skipped.append(Skipped(printable(paths[0]), problem, MISSING))
            lost[skipped[-1]] = classes
        else:
            mask_path = paths[1] if len(paths) > 1 else None
            records.append(Record(printable(row.cells["path"]), paths[0], classes, mask_path, boxes=found))
    if not rows:
        raise DatasetError(f"no images in '{printable(root)}'; expected a row for each under the columns path, label")
    given = {name for classes in labels for name in classes}
    return gather("manifest", root, None, records, skipped, (), given=given, class_of=lambda entry: lost.get(entry, ()))


def _check_columns(found: Sequence[str], root: Path) -> None:
    for column in found:
        if column not in COLUMNS:
            close = difflib.get_close_matches(column, COLUMNS, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise DatasetError(
                f"unknown column '{shown(column)}'{hint} in '{printable(root)}'; known: {', '.join(COLUMNS)}; "
                "the first line names the columns"
            )
    for column in COLUMNS[:2]:
        if column not in found:
            raise DatasetError(f"column '{column}' is missing in '{printable(root)}'; expected path, label")


def _check_paths(rows: Sequence[Row], root: Path) -> None:
    lines: dict[str, int] = {}
    for row in rows:
        first = lines.setdefault(row.cells["path"], row.line)
        if first != row.line and row.cells["path"].strip():
            name = shown(printable(row.cells["path"]))
            raise DatasetError(
                f"'{printable(root)}' line {row.line}: '{name}' is listed twice, first in line {first}; "
                "list each image once"
            )


def _label(row: Row, where: str) -> tuple[str, ...]:
    """The classes of a row, its other cells checked as far as they need no file."""
    label = " ".join(row.cells["label"].lower().split())
    if label not in LABELS:
        hint = "; a number does not say which is which" if label.isdigit() else ""
        raise DatasetError(f"{where}: label is '{shown(row.cells['label'])}', expected cat, dog or both{hint}")
    if not row.cells["path"].strip():
        raise DatasetError(f"{where}: path is empty, expected an image file")
    if row.cells.get("mask", "").strip() and len(LABELS[label]) > 1:
        raise DatasetError(
            f"{where}: a mask does not say which animal is which; leave it out, and give boxes with classes "
            "(cat animal xmin ymin xmax ymax; dog animal ...)"
        )
    return LABELS[label]


def _boxes(rows: Sequence[Row], labels: Sequence[tuple[str, ...]], where: Sequence[str]) -> list[tuple[Box, ...]]:
    """The boxes of every row."""
    texts: list[BoxText] = []
    counts = []
    for row, visible, place in zip(rows, labels, where, strict=True):
        entries = [entry.split() for entry in row.cells.get("boxes", "").split(";") if entry.strip()]
        for words in entries:
            if len(words) != 6:
                given = shown(" ".join(words))
                raise DatasetError(f"{place}: box is '{given}', expected class part xmin ymin xmax ymax")
            texts.append(BoxText(place, words[0], words[1], words[2:], visible))
        counts.append(len(entries))
    made = iter(make_boxes(texts))
    return [tuple(next(made) for _ in range(count)) for count in counts]


def _existing(folder: Path, given: str) -> Path:
    r"""The file that a cell means; as given if there is none.

    It may have spaces around it, the \ of Windows for /, or, where that is how the list was saved, be Windows-1252.
    """
    tries = [given, given.strip(), given.strip().replace("\\", "/")]
    if not given.isprintable():
        tries.append(os.fsencode(given).decode("cp1252", "replace").strip().replace("\\", "/"))
    paths = [folder / text for text in dict.fromkeys(tries)]
    return next((path for path in paths if not trouble(path)), paths[0])
