"""Class folders, or Kaggle's flat layout."""

import re
from pathlib import Path

from datasets.records import Dataset, DatasetError, Record, Skipped, existing_folder, printable, sorted_paths

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
CLASS_FOLDERS = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}
EXPECTED = "class folders cat and dog (or cats, dogs), or files named cat.1.jpg, dog.1.jpg"


def folder(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """Class folders cat/dog or cats/dogs in any case, or flat files named cat.1.jpg and dog.1.jpg.

    Args:
        root: the folder.
        split: name of a folder inside it that holds the classes, such as train or val.
        download: not supported.

    Raises:
        DatasetError: missing, empty, or with a class folder that is neither cat nor dog.
    """
    if download:
        raise DatasetError("--download works with --dataset oxford-iiit-pet; a folder is read as it is")
    existing_folder(root, EXPECTED)
    if split is not None:
        existing_folder(root / split, f"the split '{split}' as a folder with {EXPECTED}")
        root = root / split
    inside = sorted_paths(path for path in root.iterdir() if not path.name.startswith("."))
    folders = [path for path in inside if path.is_dir()]
    _check_class_folders(folders, root)
    files = [(path, CLASS_FOLDERS[parent.name.lower()]) for parent in folders for path in _files_below(parent)]
    files += [(path, _flat_class(path)) for path in inside if path.is_file()]
    records, skipped = [], []
    for path, name in files:
        if path.name.lower() in SYSTEM_FILES:
            continue
        if not is_image_name(path):
            skipped.append(Skipped(printable(path), f"no image file name (ending '{printable(path.suffix)}')"))
        elif not name:
            skipped.append(
                Skipped(printable(path), "name begins with neither cat. nor dog., and it is in no class folder")
            )
        else:
            records.append(Record(printable(path.relative_to(root).as_posix()), path, (name,)))
    if not records:
        raise DatasetError(f"no images in '{printable(root)}'; expected {EXPECTED}")
    return Dataset("folder", root, split, tuple(records), tuple(skipped))


def is_image_name(path: Path) -> bool:
    """Whether a file is named like an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def _check_class_folders(folders: list[Path], root: Path) -> None:
    unknown = [path.name for path in folders if path.name.lower() not in CLASS_FOLDERS]
    if unknown and len(unknown) == len(folders):
        splits = [name for name in unknown if any(p.name.lower() in CLASS_FOLDERS for p in (root / name).iterdir())]
        if splits:
            raise DatasetError(f"'{printable(root)}' holds {', '.join(splits)}; name one with --split {splits[0]}")
    if unknown:
        raise DatasetError(
            f"class folder '{printable(root / unknown[0])}' is neither cat nor dog; expected {EXPECTED}; "
            "move it away or rename it"
        )


def _files_below(folder_path: Path) -> list[Path]:
    return sorted_paths(
        path
        for path in folder_path.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder_path).parts)
    )


def _flat_class(path: Path) -> str:
    match = re.match(r"(cat|dog)s?[._ -]", path.name, flags=re.IGNORECASE)
    return match[1].lower() if match else ""
