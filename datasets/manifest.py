"""A CSV file that lists images."""

import csv
import difflib
from collections.abc import Sequence
from pathlib import Path

from datasets.files import make_box
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, printable

COLUMNS = ("path", "label", "mask", "boxes")
LABELS = {
    "cat": ("cat",),
    "dog": ("dog",),
    "both": ("cat", "dog"),
    "cat+dog": ("cat", "dog"),
    "dog+cat": ("cat", "dog"),
}


def manifest(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """A CSV file with columns path, label and, optionally, mask and boxes.

    Paths are relative to the file. label: cat, dog, both. mask: a PNG of the image's size, 1 animal, 0 background, 255
    ignore. boxes: "class part xmin ymin xmax ymax" with part animal or head, several separated by ";".

    Args:
        root: the CSV file.
        split: not supported.
        download: not supported.

    Raises:
        DatasetError: missing, no CSV, an unknown column or label, a broken box.
    """
    if split is not None or download:
        raise DatasetError("--dataset manifest has no splits and no download; leave --split and --download out")
    if not root.is_file():
        raise DatasetError(f"manifest '{printable(root)}' is no file; expected a CSV file with columns path, label")
    records, skipped = [], []
    try:
        with root.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            _check_columns(rows.fieldnames or (), root)
            for row in rows:
                record = _record(row, root, f"'{printable(root)}' line {rows.line_num}")
                missing = [p for p in (record.path, record.mask_path) if p is not None and not p.is_file()]
                if missing:
                    skipped.append(Skipped(printable(record.path), f"'{printable(missing[0])}' not found"))
                else:
                    records.append(record)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"manifest '{printable(root)}' cannot be read: {error}") from error
    return Dataset("manifest", root, None, tuple(records), tuple(skipped))


def _check_columns(found: Sequence[str], root: Path) -> None:
    for column in found:
        if column not in COLUMNS:
            close = difflib.get_close_matches(column, COLUMNS, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise DatasetError(f"unknown column '{column}'{hint} in '{printable(root)}'; known: {', '.join(COLUMNS)}")
    for column in COLUMNS[:2]:
        if column not in found:
            raise DatasetError(f"column '{column}' is missing in '{printable(root)}'; expected path, label")


def _record(row: dict[str, str], root: Path, where: str) -> Record:
    label = (row["label"] or "").strip().lower()
    if label not in LABELS:
        raise DatasetError(f"{where}: label is '{row['label']}', expected cat, dog or both")
    if not row["path"]:
        raise DatasetError(f"{where}: path is empty, expected an image file")
    mask = row.get("mask")
    return Record(
        image_id=printable(row["path"]),
        path=root.parent / row["path"],
        classes=LABELS[label],
        mask_path=root.parent / mask if mask else None,
        boxes=tuple(_boxes(row.get("boxes") or "", where)),
    )


def _boxes(text: str, where: str) -> list[Box]:
    boxes = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        words = entry.split()
        if len(words) != 6:
            raise DatasetError(f"{where}: box is '{entry}', expected class part xmin ymin xmax ymax")
        boxes.append(make_box(words[0], words[1], words[2:], where))
    return boxes
