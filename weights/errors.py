"""The error of this package."""

import difflib
import os
from collections.abc import Iterable


class WeightsError(ValueError):
    """A checkpoint that cannot be used; one line that names the value, what was expected and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("\\n".join(message.splitlines()))  # a path or a key may hold line breaks


class Refused(Exception):  # noqa: N818 (not an error of the program: the reader of a file says no)
    """Why a part of a file is not read, without the file's name: the reader of the file adds it."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, which one is closest, and which there are."""
    known = list(known)
    return f"unknown {kind} '{name}'{closest(name, known)}; known: {', '.join(known)}"


def closest(name: str, known: Iterable[str]) -> str:
    """A question that offers the closest name, in brackets after a space; "" where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def last_line(error: BaseException) -> str:
    """The last line of what an error says, with its type: what a reader of a traceback looks at first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__


def printable(path: object) -> str:
    r"""A path as text that any file or terminal takes: bytes that are no UTF-8 become \xNN."""
    text = str(path)
    try:
        return os.fsencode(text).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # no path of this machine
        return text.encode("utf-8", "backslashreplace").decode()
