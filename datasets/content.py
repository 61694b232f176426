"""Bytes of a file named by a data set, and why it cannot be used."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_BYTES = 2**30  # more than the largest image that is decoded needs; a larger file would only eat the memory
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

Stamp = tuple[int, int]  # size in bytes, time of the last change in nanoseconds
MISSING: Stamp = (-1, -1)


class UnreadableError(ValueError):
    """An image that is skipped; the message is the reason, one line."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Inside, whatever is raised becomes the reason why one image is skipped.

    Decoders raise almost anything of a damaged file: struct.error, IndexError, OverflowError, zlib.error, MemoryError
    of a header that lies. None of it is worth the other images.

    Raises:
        UnreadableError: `what`, and the type and message of what was raised.
    """
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:
        raise UnreadableError(f"{what}: {described(error)}") from error


def described(error: Exception) -> str:
    """Type and message of an exception in one line of printable text, the same in every process."""
    text = str(error).encode("utf-8", "backslashreplace").decode()
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))
    text = "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def stamp_of(path: Path) -> Stamp:
    """What tells a changed file without reading it; `MISSING` where there is none."""
    try:
        return _stamp(path.stat())
    except (OSError, ValueError):
        return MISSING


def read_content(path: Path, expected: Stamp | None = None) -> bytes:
    """The bytes of a regular file; links are followed.

    Args:
        path: of the file.
        expected: its stamp when the run began, or None not to ask.

    Raises:
        UnreadableError: missing, no regular file, too large, empty, or changed since.
    """
    with refusing("cannot be opened"):
        try:
            _require_regular(path.stat())  # before it is opened: opening a pipe waits, opening a device may act
            # Not blocking, should a pipe have taken its place meanwhile; "binary" is Windows'.
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "rb") as file:
                _require_regular(os.fstat(descriptor))
                content = file.read()
                found = _stamp(os.fstat(descriptor))
        except OSError as error:
            raise UnreadableError(f"cannot be opened: {error.strerror or described(error)}") from error
    if expected is not None and found != expected:
        raise UnreadableError("changed since the run began")
    if not content:
        raise UnreadableError("empty file")
    return content


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(status.st_mode)), "something else")
        raise UnreadableError(f"is {kind}, expected a regular file")
    if status.st_size > MAX_BYTES:
        raise UnreadableError(f"{status.st_size} bytes, more than {MAX_BYTES}")


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns
