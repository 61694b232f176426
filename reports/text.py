"""Names that others chose, as text in figures, file names, Markdown and LaTeX."""

import hashlib
import re
from collections.abc import Collection

from reports.plain import visible

LABEL = 80  # characters of a name in a figure or a heading
STEM = 100  # of the name of a file, without its ending
LATEX = {
    "\\": r"\textbackslash{}", **{char: "\\" + char for char in "&%$#_{}"}, "~": r"\textasciitilde{}",
    "^": r"\^{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}",  # after a line's end these would be its options
}  # fmt: skip
MARKDOWN = re.compile(r"[\\`*\[\]<>|$~&]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.")


def shortened(text: str, most: int = LABEL) -> str:
    """Text of at most so many characters; of a longer one the beginning and the end, and between them an ellipsis."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def label(text: str, most: int = LABEL) -> str:
    """A name as figures and headings show it: one line, not too long, nothing in it that cannot be seen."""
    return shortened(visible(text), most)


def shown_lines(text: str) -> str:
    """Text of several lines in which what cannot be seen is written out."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def file_stem(name: str, taken: Collection[str] = ()) -> str:
    """A name for a file in one folder, whatever the name holds: letters, digits, `.`, `_`, `+`, `-`, not too long.

    A name that had to be changed ends in a part of its SHA-256, so that different names stay different; one that is
    taken, upper and lower case alike, gets a number.
    """
    stem = re.sub(r"[^A-Za-z0-9._+-]", "_", name)
    if stem != name or len(stem) > STEM:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        stem = f"{stem[:STEM]}-{digest}"
    used = {other.casefold() for other in taken}
    number, free = 2, stem
    while free.casefold() in used:
        free, number = f"{stem}-{number}", number + 1
    return free


def markdown(text: str) -> str:
    """Text in which Markdown means nothing: no emphasis, code, links, HTML, formulas or ends of cells."""
    return MARKDOWN.sub(r"\\\g<0>", visible(text))


def latex(text: str) -> str:
    """Text in which LaTeX means nothing."""
    return "".join(LATEX.get(char, char) for char in visible(text)).replace("--", "-{}-")
