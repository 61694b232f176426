"""Single pictures whose names say what they show."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets.boxes import CORNERS, BoxText, make_boxes
from datasets.gather import gather
from datasets.listing import SUBFOLDER, UNNAMED, kinds_text, look_at_root, not_an_image, trouble, walk
from datasets.names import DEFAULT, Names, listed
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, existing_folder, refuse_archive
from datasets.table import read_table
from datasets.text import printable, shown

BOX_FILE = "boxes.csv"
BOX_COLUMNS = ("image", "class", "part", *CORNERS)


def files(root: Path, split: str | None = None, download: bool = False, classes: Sequence[str] = DEFAULT) -> Dataset:
    """Single pictures in one folder (or one picture); the name says the classes, as in my_cat.png; of two also `both`.

    A file `boxes.csv` beside them gives boxes: columns image, class, part (animal or head), xmin, ymin, xmax, ymax, in
    pixels or as shares of the image.

    Args:
        root: the folder, or one image file.
        split: not supported.
        download: not supported.
        classes: names of the classes.

    Raises:
        DatasetError: missing, without pictures, a broken boxes.csv, or the same picture under two labels.
    """
    if split is not None or download:
        raise DatasetError("--dataset files has no splits and no download; leave --split and --download out")
    refuse_archive(root)
    names = Names(classes)
    how_to_name = _how_to_name(names)
    single = root.is_file()
    parent = root.parent if single else existing_folder(root, f"a folder of pictures; {how_to_name}")
    paths, left_out = ([root], []) if single else _listed(parent)
    named = {}
    for path in paths:
        visible, reason = names.in_words(path.stem), not_an_image(path)
        if reason is None and not visible:
            reason = Skipped(printable(path), f"the name does not say what it shows; {how_to_name}", UNNAMED)
        if reason is None:
            named[path] = visible
        else:
            left_out.append(reason)
    if not named:
        lost = f" (left out: {kinds_text(left_out)})" if left_out else ""
        raise DatasetError(f"no pictures to score in '{printable(root)}'{lost}; {how_to_name}")
    boxes, notes = _read_boxes(parent / BOX_FILE, {path.name: visible for path, visible in named.items()}, names)
    records = [Record(printable(path.name), path, visible, boxes=boxes.get(path.name, ()))
               for path, visible in named.items()]  # fmt: skip

    def class_of(entry: Skipped) -> tuple[str, ...]:
        return () if entry.kind == SUBFOLDER else names.in_words(Path(entry.path).stem)

    given = {name for entry in left_out for name in class_of(entry)}
    return gather("files", root, None, records, left_out, () if single else notes, given=given, class_of=class_of)


def _how_to_name(names: Names) -> str:
    first = names.classes[0]
    if len(names.classes) == 2:
        return f"put {names} or both into the name (both.jpg, my_{first}.png)"
    return f"put {listed(names.classes, ' or ')} into the name (my_{first}.png)"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a boxes.csv, each with its line number as `line`; none where there is no such file.

    Raises:
        DatasetError: it cannot be read or lacks a column.
    """
    if trouble(path) == "not found":
        return []
    columns, rows = read_table(path)
    missing = [column for column in BOX_COLUMNS if column not in columns]
    if missing:
        raise DatasetError(
            f"'{printable(path)}' lacks the columns {', '.join(missing)}; expected {', '.join(BOX_COLUMNS)}"
        )
    return [{**row.cells, "line": str(row.line)} for row in rows]


def _listed(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """Files of a folder, but for its boxes.csv; and what is left out, the files below it among that."""
    level = look_at_root(folder)
    left_out = list(level.left_out)
    for below in [*level.folders, *level.linked]:
        found, lost = walk(below)
        reason = "in a sub-folder; --dataset files reads one folder alone, --dataset folder class folders"
        left_out += [*lost, *(Skipped(printable(path), reason, SUBFOLDER) for path in sorted(found))]
    return [path for path in level.files if path.name != BOX_FILE], left_out


def _read_boxes(
    path: Path, named: Mapping[str, tuple[str, ...]], names: Names
) -> tuple[dict[str, tuple[Box, ...]], list[str]]:
    """Boxes by image name, none where there is no such file; and notes of rows for images that are not there."""
    rows, images = read_rows(path), _ImageNames(named)
    texts, owners, strangers = [], [], []
    for row in rows:
        where = f"'{printable(path)}' line {row['line']}"
        owner = images.find(row["image"])
        if owner is None:
            strangers.append(row["image"])
        corners = [row[column] for column in CORNERS]
        visible = names.classes if owner is None else named[owner]
        texts.append(BoxText(where, row["class"], row["part"], corners, visible))
        owners.append(owner)
    boxes: dict[str, list[Box]] = defaultdict(list)
    for owner, box in zip(owners, make_boxes(texts, names), strict=True):
        if owner is not None:
            boxes[owner].append(box)
    return {name: tuple(found) for name, found in boxes.items()}, _strangers(strangers)


def _strangers(names: Sequence[str]) -> list[str]:
    different = list(dict.fromkeys(names))
    if not different:
        return []
    first = ", ".join(f"'{shown(name)}'" for name in different[:3])
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return [f"{BOX_FILE} has boxes for images that are not scored: {first}{more}"]


class _ImageNames:
    """File names as a list may give them: in another case, another Unicode form, or after a folder's name."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self.exact = set(names)
        self.alike: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self.alike[_plain(name)].append(name)

    def find(self, name: str) -> str | None:
        """The file that is meant, if there is exactly one."""
        if name in self.exact:
            return name
        alike = self.alike.get(_plain(name.strip()), [])
        return alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", re.split(r"[\\/]", name)[-1]).casefold()
