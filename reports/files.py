"""Writing what a report consists of: completely or not at all, and the same bytes for the same content."""

import hashlib
import io
import math
import os
import re
import secrets
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports.csvfiles import csv_bytes
from reports.plain import visible
from reports.text import latex, markdown, shortened, shown_lines

DIGITS = 4
NARROWEST = 8  # letters of a column that is cut
SCRATCH = re.compile(r"\.cambench-([0-9a-f]{8})[0-9a-f]{8}")


def scratch_name(name: str) -> str:
    """A name that nobody else gives to a file: what is written under it gets its own `name` when it is whole."""
    return f".cambench-{_mark(name)}{secrets.token_hex(4)}"


def _mark(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Inside, a file to write to; on exit it is there under its name, completely or, after an error, not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(scratch_name(path.name))
    file = scratch.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file so that it is there completely or not at all; makes its folder."""
    with atomic_file(path) as file:
        file.write(content)


def remove_scratch(folder: Path, names: Iterable[str] | None = None) -> None:
    """Removes what a killed process was in the middle of writing, from this folder alone; nothing by any other name.

    Args:
        folder: where no other process writes files of these names.
        names: of the files that were to be; None is all.
    """
    marks = None if names is None else {_mark(name) for name in names}
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        found = SCRATCH.fullmatch(path.name)
        if found is None or path.is_symlink() or (marks is not None and found[1] not in marks):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_table(folder: Path, name: str, table: pd.DataFrame, shown: pd.DataFrame | None = None) -> None:
    """A table as CSV (all digits), Markdown and LaTeX (four digits; undefined values say so); names stay text.

    `shown` takes its place in the last two.
    """
    write_atomic(folder / f"{name}.csv", csv_bytes(table))
    table = table if shown is None else shown
    cells = [
        [str(column) for column in table.columns],
        *(list(map(cell_text, row)) for row in table.itertuples(index=False)),
    ]
    lines = ["| " + " | ".join(map(markdown, row)) + " |" for row in cells]
    lines.insert(1, "|" + "---|" * len(table.columns))
    write_atomic(folder / f"{name}.md", ("\n".join(lines) + "\n").encode())
    rows = [" & ".join(map(latex, row)) + r" \\" for row in cells]
    tabular = [rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}", r"\hline", rows[0], r"\hline", *rows[1:], r"\hline"]
    write_atomic(folder / f"{name}.tex", ("\n".join([*tabular, r"\end{tabular}"]) + "\n").encode())


def aligned(rows: Iterable[Sequence[str]], widest: int | None = None) -> str:
    """Rows of cells as text in columns, nothing in it that a terminal would obey.

    Args:
        rows: of cells.
        widest: letters of a line; the longest columns lose the middle of their cells until they fit.
    """
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while widest is not None and sum(widths) + 2 * (len(widths) - 1) > widest and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return "\n".join(
        "  ".join(shortened(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def cell_text(value: object) -> str:
    """A value as a reader sees it."""
    if isinstance(value, float):
        return "undefined" if math.isnan(value) else f"{value:.{DIGITS}f}"
    return str(value)


def save_figure(folder: Path, name: str, figure: Figure) -> None:
    """A figure as SVG and PNG, without dates; whatever its texts hold, they are text that can be seen."""
    for text in figure.findobj(Text):
        text.set_text(shown_lines(text.get_text()))
    for kind in ("svg", "png"):
        buffer = io.BytesIO()
        options: dict[str, Any] = {"metadata": {"Date": None}, "backend": "module://reports.figures.svg"}
        if kind == "png":  # the best compression takes a third of a report's time
            options = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 1}}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of names in other scripts
            figure.savefig(buffer, format=kind, **options)
        write_atomic(folder / f"{name}.{kind}", buffer.getvalue())
