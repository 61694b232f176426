"""Class folders, or Kaggle's flat layout."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets.gather import gather
from datasets.listing import (
    UNNAMED,
    Level,
    is_image_name,
    kinds_text,
    look,
    look_at_root,
    not_an_image,
    walk,
)
from datasets.records import ARCHIVES, CLASSES, Dataset, DatasetError, Record, Skipped, existing_folder, sorted_paths
from datasets.text import printable, shown

CLASS_FOLDERS = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
EXPECTED = "class folders cat and dog (or cats, dogs), or files named cat.1.jpg, dog.1.jpg"
DEEPEST = 5  # folders of one folder each, as archives unpack to


def folder(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """Class folders cat/dog or cats/dogs in any case, or flat files named cat.1.jpg and dog.1.jpg.

    A folder that holds nothing but one other folder is entered. Sub-folders of class folders and links are followed.

    Args:
        root: the folder.
        split: name of a folder inside it that holds the classes, such as train or val.
        download: not supported.

    Raises:
        DatasetError: missing, empty, with a class folder that is neither cat nor dog, a class without images, or the
            same picture in both.
    """
    if download:
        raise DatasetError("--download works with --dataset oxford-iiit-pet; a folder is read as it is")
    existing_folder(root, EXPECTED)
    if split is not None:
        existing_folder(root / split, f"the split '{split}' as a folder with {EXPECTED}")
        root = root / split
    asked, (root, level, left_out) = root, _entered(root)
    class_folders = sorted_paths([*level.folders, *level.linked])
    _check_folders(class_folders, level, asked)
    records = []
    for path, name, lost in _files(level, class_folders):
        left_out += lost
        if path is not None:
            records.append(Record(printable(path.relative_to(root).as_posix()), path, (name,)))
    if not records:
        raise DatasetError(f"no images in '{printable(root)}'{_instead(level, left_out)}; expected {EXPECTED}")
    notes = [] if root == asked else [f"read from '{printable(root)}', the one folder in '{printable(asked)}'"]
    classes = {Path(printable(path)): _folder_class(path) for path in class_folders}

    def class_of(entry: Skipped) -> tuple[str, ...]:
        path = Path(entry.path)
        inside = [classes[place] for place in (path, *path.parents) if place in classes]
        return tuple(filter(None, inside or [_folder_class(path) or _flat_class(path)]))

    return gather("folder", root, split, records, left_out, notes, given=CLASSES, class_of=class_of)


def _files(level: Level, class_folders: Sequence[Path]) -> Iterator[tuple[Path | None, str, list[Skipped]]]:
    """Every image with its class, in order, and whatever is left out."""
    for class_folder in class_folders:
        found, lost = walk(class_folder)
        yield None, "", lost
        for path in sorted_paths(found):
            reason = not_an_image(path)
            yield (None, "", [reason]) if reason else (path, _folder_class(class_folder), [])
    for path in level.files:
        name, reason = _flat_class(path), not_an_image(path)
        if reason is None and not name:
            said = "name begins with neither cat. nor dog., and it is in no class folder"
            reason = Skipped(printable(path), said, UNNAMED)
        yield (None, "", [reason]) if reason else (path, name, [])


def _entered(root: Path) -> tuple[Path, Level, list[Skipped]]:
    """The root, or what is inside its only folder, where the classes are; and what is left out on the way."""
    level, left_out = look_at_root(root), []
    for _ in range(DEEPEST):
        inner = [*level.folders, *level.linked]
        if len(inner) != 1 or _holds_classes(level) or inner[0].name.strip().isdigit():
            break
        try:
            below = look(inner[0])
        except OSError:
            break
        if not below.folders and not below.linked and not _holds_classes(below):
            break
        left_out += [*level.left_out, *(_left_at(path) for path in level.files)]
        root, level = inner[0], below
    return root, level, [*left_out, *level.left_out]


def _left_at(path: Path) -> Skipped:
    return not_an_image(path) or Skipped(printable(path), "it is in no class folder", UNNAMED)


def _holds_classes(level: Level) -> bool:
    """Whether there are class folders, or files whose names begin with a class."""
    return any(_folder_class(path) for path in (*level.folders, *level.linked)) or any(
        is_image_name(path) and _flat_class(path) for path in level.files
    )


def _check_folders(class_folders: Sequence[Path], level: Level, asked: Path) -> None:
    """Every folder is that of a class.

    Raises:
        DatasetError: one is not; the message says what to do.
    """
    unknown = [path for path in class_folders if not _folder_class(path)]
    if not unknown:
        return
    numbered = [path.name for path in unknown if path.name.strip().isdigit()]
    if not numbered and not _holds_classes(level):
        splits = [printable(path.relative_to(asked).as_posix()) for path in unknown if _is_split(path)]
        if splits:
            raise DatasetError(f"'{printable(asked)}' holds {', '.join(splits)}; name one with --split {splits[0]}")
    if numbered:
        raise DatasetError(
            f"folders {', '.join(numbered)} in '{printable(unknown[0].parent)}' do not say which is cat and which is "
            "dog; rename them cat and dog (0 is usually cat), or make links of these names"
        )
    raise DatasetError(
        f"class folder '{printable(unknown[0])}' is neither cat nor dog; expected {EXPECTED}; move it away or rename it"
    )


def _is_split(path: Path) -> bool:
    try:
        return _holds_classes(look(path))
    except OSError:
        return False


def _instead(level: Level, left_out: Sequence[Skipped]) -> str:
    """What is there in place of images."""
    archives = [path.name for path in level.files if path.suffix.lower() in ARCHIVES]
    if archives:
        return f", but the archive '{shown(printable(archives[0]))}'; unpack it"
    return f" (left out: {kinds_text(left_out)})" if left_out else ""


def _folder_class(path: Path) -> str:
    return CLASS_FOLDERS.get(path.name.strip().lower(), "")


def _flat_class(path: Path) -> str:
    match = re.match(r"(cat|dog)s?[\d._ (-]", path.name, flags=re.IGNORECASE)
    return match[1].lower() if match else ""
