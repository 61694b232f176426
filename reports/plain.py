"""Foreign text that stays text: names of folders, methods and pictures in Markdown and XML."""

import re


def visible(text: str) -> str:
    r"""One line in which what a reader cannot see is written out.

    Control characters, bidirectional overrides, characters without width and undecodable bytes become escapes such as
    `\x1b`; XML 1.0 cannot hold most of them, and the others make a line say what it does not.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def code(text: str) -> str:
    """Text as a code span of Markdown, in which neither HTML nor Markdown means anything."""
    text = visible(text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def fenced(lines: list[str]) -> list[str]:
    """Lines as a code block of Markdown."""
    lines = [visible(line) for line in lines]
    ticks = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    return [ticks, *lines, ticks]
