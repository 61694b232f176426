"""What lies in a folder: image files, and what is left out, each with its reason."""

import os
import stat
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from datasets.records import DatasetError, Skipped
from datasets.text import printable

IMAGE_SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff",
    ".ppm", ".pgm", ".avif",
}  # fmt: skip
HEIC_SUFFIXES = {".heic", ".heif", ".hif", ".heics"}
RAW_SUFFIXES = {".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf", ".rw2", ".pef", ".srw"}
SYSTEM_FILES = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", ".localized", ".directory", "__macosx", "@eadir",
    ".spotlight-v100", ".trashes", ".fseventsd", ".thumbnails", "$recycle.bin", "system volume information", "icon\r",
}  # fmt: skip

HEIC, RAW = "HEIC photographs", "raw camera files"
NO_IMAGE = "files that are no images"
HIDDEN = "hidden files and folders"
BROKEN_LINK = "broken links"
UNREADABLE_FOLDER = "unreadable folders"
SUBFOLDER = "files in sub-folders"
SPECIAL = "pipes, sockets and devices"
UNNAMED = "names that do not say the class"
MISSING = "listed files that are not there"
DUPLICATE = "duplicates"


@dataclass
class Level:
    """What one folder holds, each list in one order on every machine.

    Attributes:
        folders: in it.
        linked: links in it that lead to folders.
        files: regular files, whatever their names.
        left_out: everything else but what operating systems put there.
    """

    folders: list[Path] = field(default_factory=list)
    linked: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    left_out: list[Skipped] = field(default_factory=list)


def look(folder: Path) -> Level:
    """One folder, its sub-folders not entered.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    level = Level()
    for entry in found:
        if is_system_file(entry.name):
            continue
        if entry.name.startswith("."):
            level.left_out.append(Skipped(printable(entry.path), "hidden", HIDDEN))
            continue
        sort = _sort(entry)
        if sort == "folder":
            (level.linked if entry.is_symlink() else level.folders).append(Path(entry.path))
        elif sort == "file":
            level.files.append(Path(entry.path))
        elif entry.is_symlink():
            level.left_out.append(Skipped(printable(entry.path), "link that leads to no file", BROKEN_LINK))
        else:
            level.left_out.append(Skipped(printable(entry.path), "neither a file nor a folder", SPECIAL))
    return level


def look_at_root(root: Path) -> Level:
    """The same for the folder that a data set is read from.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return look(root)
    except OSError as error:
        raise DatasetError(f"data root '{printable(root)}' cannot be read: {error.strerror}") from error


def walk(root: Path) -> tuple[list[Path], list[Skipped]]:
    """Regular files in a folder and below, links followed, each folder once; and what was left out on the way."""
    files, left_out = [], []
    folders, linked = deque([root]), deque[Path]()
    seen: dict[tuple[int, int], Path] = {}
    while folders or linked:
        folder = folders.popleft() if folders else linked.popleft()  # what is there in person comes first
        try:
            about = folder.stat()
            first = seen.setdefault((about.st_dev, about.st_ino), folder)
            if first is not folder:
                left_out.append(Skipped(printable(folder), f"the same folder as '{printable(first)}'", DUPLICATE))
                continue
            level = look(folder)
        except OSError as error:
            reason = f"folder cannot be read: {error.strerror}"
            left_out.append(Skipped(printable(folder), reason, UNREADABLE_FOLDER))
            continue
        files += level.files
        left_out += level.left_out
        folders.extend(level.folders)
        linked.extend(level.linked)
    return files, left_out


def is_image_name(path: Path) -> bool:
    """Whether a file is named like an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def not_an_image(path: Path) -> Skipped | None:
    """Why a file is left out because of its name; None for an image."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return None
    if suffix in HEIC_SUFFIXES:
        return Skipped(printable(path), "HEIC photograph; convert it to JPEG", HEIC)
    if suffix in RAW_SUFFIXES:
        return Skipped(printable(path), "raw camera file; convert it to JPEG", RAW)
    return Skipped(printable(path), f"no image file name (ending '{printable(path.suffix)}')", NO_IMAGE)


def is_system_file(name: str) -> bool:
    """Whether a name is one that operating systems leave in folders and archives."""
    return name.lower() in SYSTEM_FILES or name.startswith("._")


def trouble(path: Path) -> str:
    """Why a listed path is no file to open; empty where it is one."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        denied = isinstance(error, PermissionError)
        return "cannot be reached: permission denied" if denied else "not found"
    if stat.S_ISREG(mode):
        return ""
    return "is a folder" if stat.S_ISDIR(mode) else "is no regular file"


def kinds_text(skipped: Iterable[Skipped]) -> str:
    """How many were left out, by kind, the largest first."""
    counts = Counter(entry.kind for entry in skipped)
    return ", ".join(f"{kind}: {count}" for kind, count in counts.most_common())


def _sort(entry: "os.DirEntry[str]") -> str:
    """What an entry is or links to: folder, file, or nothing that is read; a link in a circle leads nowhere."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:
        return ""
