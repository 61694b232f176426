"""A CSV file that lists images."""

import os
from collections.abc import Sequence
from pathlib import Path

from datasets.boxes import CORNERS, BoxText, make_boxes
from datasets.gather import gather
from datasets.listing import MISSING, trouble
from datasets.names import DEFAULT, Names, listed
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, refuse_archive
from datasets.table import Row, read_table
from datasets.text import closest, printable, shown

COLUMNS = ("path", "label", "mask", "boxes")
BOX_WORDS = ("class", "part", *CORNERS)


def csv_list(root: Path, split: str | None = None, download: bool = False, classes: Sequence[str] = DEFAULT) -> Dataset:
    """A CSV file with columns path, label and, optionally, mask and boxes.

    Paths are relative to the file, or absolute. label: a class, as in cat, or several, as in cat+dog; of two classes
    `both` means both. mask: a PNG of the image's size, 1 object, 0 background, 255 ignore. boxes: "class part xmin ymin
    xmax ymax" with part animal or head, several separated by ";".

    Args:
        root: the CSV file.
        split: not supported.
        download: not supported.
        classes: names of the classes.

    Raises:
        DatasetError: missing, no CSV, an unknown column or label, a broken box, a mask for two classes, the same
            picture under two labels, or a class of which no image is there.
    """
    if split is not None or download:
        raise DatasetError("--dataset csv has no splits and no download; leave --split and --download out")
    refuse_archive(root)
    if not root.is_file():
        raise DatasetError(f"'{printable(root)}' is no file; expected a CSV file with columns path, label")
    columns, rows = read_table(root)
    _check_columns(columns, root)
    where = [f"'{printable(root)}' line {row.line}" for row in rows]
    _check_paths(rows, root)
    names = Names(classes)
    labels = [_label(row, place, names) for row, place in zip(rows, where, strict=True)]
    boxes = _boxes(rows, labels, where, names)
    records, skipped, lost = [], [], {}
    for row, visible, found in zip(rows, labels, boxes, strict=True):
        paths = [
            _existing(root.parent, row.cells[name]) for name in ("path", "mask") if row.cells.get(name, "").strip()
        ]
        problem = next((f"'{printable(path)}' {why}" for path in paths if (why := trouble(path))), "")
        if problem:
            skipped.append(Skipped(printable(paths[0]), problem, MISSING))
            lost[skipped[-1]] = visible
        else:
            mask_path = paths[1] if len(paths) > 1 else None
            records.append(Record(printable(row.cells["path"]), paths[0], visible, mask_path, boxes=found))
    if not rows:
        raise DatasetError(f"no images in '{printable(root)}'; expected a row for each under the columns path, label")
    given = {name for visible in labels for name in visible}
    return gather("csv", root, None, records, skipped, (), given=given, class_of=lambda entry: lost.get(entry, ()))


def _check_columns(found: Sequence[str], root: Path) -> None:
    for column in found:
        if column not in COLUMNS:
            raise DatasetError(
                f"unknown column '{shown(column)}'{closest(column, COLUMNS)} in '{printable(root)}'; "
                f"known: {', '.join(COLUMNS)}; the first line names the columns"
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


def _label(row: Row, where: str, names: Names) -> tuple[str, ...]:
    """The classes of a row, its other cells checked as far as they need no file."""
    given = row.cells["label"]
    visible = names.classes if _is_both(given, names) else [names.find(part) for part in given.split("+")]
    if not all(visible):
        unknown = next(part for part, name in zip(given.split("+"), visible, strict=True) if not name).strip()
        hint = "; a number does not say which is which" if unknown.isdigit() else names.closest(unknown)
        raise DatasetError(f"{where}: label is '{shown(given)}', expected {_expected(names)}{hint}")
    if not row.cells["path"].strip():
        raise DatasetError(f"{where}: path is empty, expected an image file")
    found = tuple(sorted(set(visible)))
    if row.cells.get("mask", "").strip() and len(found) > 1:
        corners = " ".join(CORNERS)
        raise DatasetError(
            f"{where}: a mask does not say which animal is which; leave it out, and give boxes with classes "
            f"({found[0]} animal {corners}; {found[1]} animal ...)"
        )
    return found


def _is_both(label: str, names: Names) -> bool:
    return len(names.classes) == 2 and label.strip().casefold() == "both" and not names.find(label)


def _expected(names: Names) -> str:
    if len(names.classes) == 2:
        return f"{names} or both"
    return f"{listed(names.classes, ' or ')}, or several as in {'+'.join(map(shown, names.classes[:2]))}"


def _boxes(
    rows: Sequence[Row], labels: Sequence[tuple[str, ...]], where: Sequence[str], names: Names
) -> list[tuple[Box, ...]]:
    """The boxes of every row."""
    texts: list[BoxText] = []
    counts = []
    for row, visible, place in zip(rows, labels, where, strict=True):
        entries = [entry.split() for entry in row.cells.get("boxes", "").split(";") if entry.strip()]
        for words in entries:
            if len(words) < len(BOX_WORDS):
                given = shown(" ".join(words))
                raise DatasetError(f"{place}: box is '{given}', expected {' '.join(BOX_WORDS)}")
            *name, part = words[: -len(CORNERS)]  # a class can have a name of several words
            texts.append(BoxText(place, " ".join(name), part, words[-len(CORNERS) :], visible))
        counts.append(len(entries))
    made = iter(make_boxes(texts, names))
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
