"""Single pictures whose names say what they show."""

import csv
import re
from collections import defaultdict
from pathlib import Path

from datasets.folder import SYSTEM_FILES, is_image_name
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, existing_folder, printable, sorted_paths

BOX_FILE = "boxes.csv"
BOX_COLUMNS = ("image", "class", "part", "xmin", "ymin", "xmax", "ymax")
WORDS = {
    "cat": {"cat", "cats", "kitten", "kittens", "both"},
    "dog": {"dog", "dogs", "puppy", "puppies", "both"},
}
HOW_TO_NAME = "put cat, dog or both into the name (both.jpg, my_cat.png)"


def files(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """Single pictures in one folder (or one picture); the name says cat, dog or both.

    A file `boxes.csv` beside them gives boxes: columns image, class, part (animal or head), xmin, ymin, xmax, ymax.

    Args:
        root: the folder, or one image file.
        split: not supported.
        download: not supported.

    Raises:
        DatasetError: missing, without pictures, or a broken boxes.csv.
    """
    if split is not None or download:
        raise DatasetError("--dataset files has no splits and no download; leave --split and --download out")
    single = root.is_file()
    parent = root.parent if single else existing_folder(root, f"a folder of pictures; {HOW_TO_NAME}")
    boxes = _read_boxes(parent / BOX_FILE)
    records, skipped = [], []
    for path in [root] if single else sorted_paths(p for p in parent.iterdir() if p.is_file()):
        if path.name == BOX_FILE or path.name.startswith(".") or path.name.lower() in SYSTEM_FILES:
            continue
        classes = classes_in_name(path.stem)
        if not is_image_name(path):
            skipped.append(Skipped(printable(path), f"no image file name (ending '{printable(path.suffix)}')"))
        elif not classes:
            skipped.append(Skipped(printable(path), f"the name does not say what it shows; {HOW_TO_NAME}"))
        else:
            records.append(Record(printable(path.name), path, classes, boxes=boxes.get(path.name, ())))
    if not records:
        raise DatasetError(f"no pictures to score in '{printable(root)}'; {HOW_TO_NAME}")
    return Dataset("files", root, None, tuple(records), tuple(skipped))


def classes_in_name(name: str) -> tuple[str, ...]:
    """Classes whose words occur in a file name: ("cat",), ("dog",), both, or none."""
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    return tuple(label for label, known in WORDS.items() if words & known)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a boxes.csv, each with its line number as `line`; none where there is no such file.

    Raises:
        DatasetError: it cannot be read or lacks a column.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [column for column in BOX_COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise DatasetError(
                    f"'{path}' lacks the columns {', '.join(missing)}; expected {', '.join(BOX_COLUMNS)}"
                )
            return [{**row, "line": str(rows.line_num)} for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"'{path}' cannot be read: {error}") from error


def _read_boxes(path: Path) -> dict[str, tuple[Box, ...]]:
    """Boxes by image name; none where there is no such file."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for row in read_rows(path):
        corners = [row[column] for column in BOX_COLUMNS[3:]]
        boxes[row["image"]].append(make_box(row["class"], row["part"], corners, f"'{path}' line {row['line']}"))
    return {name: tuple(found) for name, found in boxes.items()}


def make_box(class_name: str, part: str, corners: list[str], where: str) -> Box:
    """A box from text.

    Raises:
        DatasetError: no numbers, no box, unknown class or part; the message says where.
    """
    try:
        xmin, ymin, xmax, ymax = (float(corner) for corner in corners)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{where}: box is '{' '.join(map(str, corners))}', expected xmin ymin xmax ymax") from error
    try:
        return Box(class_name, part, xmin, ymin, xmax, ymax)
    except DatasetError as error:
        raise DatasetError(f"{where}: {error}") from error
