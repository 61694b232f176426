"""Class folders, or Kaggle's flat layout."""

from collections.abc import Iterable, Iterator, Sequence
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
from datasets.names import DEFAULT, Names, listed
from datasets.records import ARCHIVES, Dataset, DatasetError, Record, Skipped, existing_folder, sorted_paths
from datasets.text import printable, shown

DEEPEST = 5  # folders of one folder each, as archives unpack to


def folder(root: Path, split: str | None = None, download: bool = False, classes: Sequence[str] = DEFAULT) -> Dataset:
    """Class folders, such as cat and dog, in any case and number (Cats), or flat files named cat.1.jpg and dog.1.jpg.

    A folder that holds nothing but one other folder is entered. Sub-folders of class folders and links are followed.

    Args:
        root: the folder.
        split: name of a folder inside it that holds the classes, such as train or val.
        download: not supported.
        classes: names of the classes.

    Raises:
        DatasetError: missing, empty, with a folder of no class, a class folder without images, fewer than two classes
            with images, or the same picture in two classes.
    """
    if download:
        raise DatasetError("--download works with --dataset oxford-iiit-pet; a folder is read as it is")
    names = Names(classes)
    existing_folder(root, _expected(names))
    if split is not None:
        existing_folder(root / split, f"the split '{split}' as a folder with {_expected(names)}")
        root = root / split
    asked, (root, level, left_out) = root, _entered(root, names)
    class_folders = sorted_paths([*level.folders, *level.linked])
    _check_folders(class_folders, level, asked, names)
    records = []
    for path, name, lost in _files(level, class_folders, names):
        left_out += lost
        if path is not None:
            records.append(Record(printable(path.relative_to(root).as_posix()), path, (name,)))
    if not records:
        raise DatasetError(f"no images in '{printable(root)}'{_instead(level, left_out)}; expected {_expected(names)}")
    notes = [] if root == asked else [f"read from '{printable(root)}', the one folder in '{printable(asked)}'"]
    folders = {Path(printable(path)): names.find(path.name) for path in class_folders}

    def class_of(entry: Skipped) -> tuple[str, ...]:
        path = Path(entry.path)
        inside = [folders[place] for place in (path, *path.parents) if place in folders]
        return tuple(filter(None, inside or [names.find(path.name) or names.beginning(path.name)]))

    given = _to_be_there(names, records, folders.values())
    return gather("folder", root, split, records, left_out, notes, given=given, class_of=class_of)


def _expected(names: Names) -> str:
    one, two = names.classes[:2]
    plural = f" (or {one}s, {two}s)" if len(names.classes) == 2 else ""
    return f"class folders {listed(names.classes, ' and ')}{plural}, or files named {one}.1.jpg, {two}.1.jpg"


def _to_be_there(names: Names, records: Sequence[Record], folders: Iterable[str]) -> set[str]:
    """Two classes have to have images, and of more those whose folders are there."""
    seen = {name for record in records for name in record.classes}
    return set(folders) if len(names.classes) > 2 and len(seen) > 1 else set(names.classes)


def _files(
    level: Level, class_folders: Sequence[Path], names: Names
) -> Iterator[tuple[Path | None, str, list[Skipped]]]:
    """Every image with its class, in order, and whatever is left out."""
    for class_folder in class_folders:
        found, lost = walk(class_folder)
        yield None, "", lost
        for path in sorted_paths(found):
            reason = not_an_image(path)
            yield (None, "", [reason]) if reason else (path, names.find(class_folder.name), [])
    first = " nor ".join(f"{name}." for name in names.classes) if len(names.classes) == 2 else ""
    said = f"begins with neither {first}" if first else f"does not begin with a class ({names}) and a point"
    for path in level.files:
        name, reason = names.beginning(path.name), not_an_image(path)
        if reason is None and not name:
            reason = Skipped(printable(path), f"name {said}, and it is in no class folder", UNNAMED)
        yield (None, "", [reason]) if reason else (path, name, [])


def _entered(root: Path, names: Names) -> tuple[Path, Level, list[Skipped]]:
    """The root, or what is inside its only folder, where the classes are; and what is left out on the way."""
    level, left_out = look_at_root(root), []
    for _ in range(DEEPEST):
        inner = [*level.folders, *level.linked]
        if len(inner) != 1 or _holds_classes(level, names) or inner[0].name.strip().isdigit():
            break
        try:
            below = look(inner[0])
        except OSError:
            break
        if not below.folders and not below.linked and not _holds_classes(below, names):
            break
        left_out += [*level.left_out, *(_left_at(path) for path in level.files)]
        root, level = inner[0], below
    return root, level, [*left_out, *level.left_out]


def _left_at(path: Path) -> Skipped:
    return not_an_image(path) or Skipped(printable(path), "it is in no class folder", UNNAMED)


def _holds_classes(level: Level, names: Names) -> bool:
    """Whether there are class folders, or files whose names begin with a class."""
    return any(names.find(path.name) for path in (*level.folders, *level.linked)) or any(
        is_image_name(path) and names.beginning(path.name) for path in level.files
    )


def _check_folders(class_folders: Sequence[Path], level: Level, asked: Path, names: Names) -> None:
    """Every folder is that of a class.

    Raises:
        DatasetError: one is not; the message says what to do.
    """
    unknown = [path for path in class_folders if not names.find(path.name)]
    if not unknown:
        return
    numbered = [path.name for path in unknown if path.name.strip().isdigit()]
    if not numbered and not _holds_classes(level, names):
        splits = [printable(path.relative_to(asked).as_posix()) for path in unknown if _is_split(path, names)]
        if splits:
            raise DatasetError(f"'{printable(asked)}' holds {listed(splits)}; name one with --split {splits[0]}")
    if numbered:
        raise DatasetError(
            f"folders {listed(numbered)} in '{printable(unknown[0].parent)}' do not say {_which(names)}, or make links "
            "of these names"
        )
    raise DatasetError(
        f"class folder '{printable(unknown[0])}' is {names.none_of()}{names.closest(unknown[0].name)}; expected "
        f"{_expected(names)}; move it away or rename it, or name the classes with --classes"
    )


def _which(names: Names) -> str:
    if len(names.classes) > 2:
        return f"which class they hold; rename them {listed(names.classes, ' and ')} (the first is usually 0)"
    one, two = names.classes
    return f"which is {one} and which is {two}; rename them {one} and {two} (0 is usually {one})"


def _is_split(path: Path, names: Names) -> bool:
    try:
        return _holds_classes(look(path), names)
    except OSError:
        return False


def _instead(level: Level, left_out: Sequence[Skipped]) -> str:
    """What is there in place of images."""
    archives = [path.name for path in level.files if path.suffix.lower() in ARCHIVES]
    if archives:
        return f", but the archive '{shown(printable(archives[0]))}'; unpack it"
    return f" (left out: {kinds_text(left_out)})" if left_out else ""
