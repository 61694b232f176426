"""Names and messages as text that any file, table and terminal takes."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

LONGEST_VALUE, LONGEST_MESSAGE = 120, 1000  # characters


def printable(path: Path | str) -> str:
    r"""A path as text that any file format takes: undecodable bytes become \xNN."""
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, which no file name holds
        return str(path).encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    r"""A message on one line: line breaks, control characters and direction marks become \n, \x1b, \u202e.

    What is too long loses its middle.
    """
    line = text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)
    if len(line) <= LONGEST_MESSAGE:
        return line
    return f"{line[: LONGEST_MESSAGE - 305]} ... {line[-300:]}"


def shown(value: Path | str) -> str:
    """A value as a message quotes it: on one line, its beginning if it is long."""
    text = one_line(str(value)[: 4 * LONGEST_VALUE])
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 4]} ..."


def closest(name: str, known: Iterable[str], written: Mapping[str, str] | None = None) -> str:
    """A question that offers the closest name, as it is `written`, in brackets; "" where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{shown((written or {}).get(close[0], close[0]))}'?)" if close else ""


def _escaped(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # how Python keeps a byte that it cannot decode
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
