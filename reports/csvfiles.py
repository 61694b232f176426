r"""CSV that a spreadsheet takes for text and numbers, never for formulas, and that is read as it was written.

A text cell that begins with `=`, `+`, `-`, `@` (also their full-width forms) or an apostrophe, or holds a character
that cannot be seen (tab, line end, control character, bidirectional override), is written with an apostrophe before it
and with backslash escapes (`\\`, `\t`, `\x1b`, `\u202e`). Reading undoes both. Numbers are written as they are.
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports.errors import ReportError, regular
from reports.plain import visible

FORMULA = re.compile(r"['=+\-@\uff1d\uff0b\uff0d\uff20]")
ESCAPE = re.compile(r"\\(\\|t|n|r|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
CONTROL = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
TEXT_COLUMNS = frozenset(
    {
        "method", "method_a", "method_b", "control", "layer", "role", "metric", "other_metric", "stratum", "stage",
        "question", "statistic", "substrate", "verdict_at_best",
        "family", "verdict", "better", "beats", "data", "not_beaten_by_a", "not_beaten_by_b", "agreement", "direction",
        "network", "trunk", "factor", "level", "of", "influential", "why",
        "benchmark", "what", "field", "a", "b", "night", "kind", "series", "before_night", "path", "reason",
    }
)  # fmt: skip
AGAIN = "remove the file, then make it again with cambench report"


def guarded(text: str) -> str:
    """A text as a cell that no spreadsheet runs."""
    if text.isprintable() and not FORMULA.match(text):
        return text
    return "'" + visible(text.replace("\\", "\\\\"))


def unguarded(cell: str) -> str:
    """The text of a cell that `guarded` wrote."""
    if not cell.startswith("'"):
        return cell
    return ESCAPE.sub(lambda found: CONTROL.get(found[1]) or chr(int(found[1][1:], 16)), cell[1:])


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A table as CSV: text guarded, numbers with all digits, undefined ones as an empty cell."""
    safe = table.rename(columns=lambda name: guarded(str(name)))
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = [guarded(value) if isinstance(value, str) else value for value in table.iloc[:, place]]
            safe.isetitem(place, pd.Series(cells, index=table.index, dtype=object))
    return safe.to_csv(index=False, lineterminator="\n").encode()


def read_csv(path: Path, needed: Sequence[str] = ()) -> pd.DataFrame:
    """A table that `csv_bytes` wrote: names are text, whatever they look like, the rest are numbers.

    Raises:
        ReportError: it cannot be read, lacks a column, or holds a number that is none.
    """
    said = f"'{path}' cannot be read"
    try:
        text = regular(path).read_bytes().decode("utf-8-sig")
        header, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True)) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise ReportError(f"{said} ({visible(str(error))}); {AGAIN}") from error
    if text and not text.endswith("\n"):  # a number that was cut is a number still
        raise ReportError(f"{said} (it ends in the middle of a line); {AGAIN}")
    names = [unguarded(name) for name in header]
    missing = [name for name in needed if name not in names]
    if missing or len({*names}) < len(names):
        raise ReportError(f"'{path}' has no column '{min(missing, default='')}'; {AGAIN}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ReportError(f"{said} (line {number} has {len(row)} cells, not {len(names)}); {AGAIN}")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pd.DataFrame({name: _column(path, name, cells) for name, cells in zip(names, columns, strict=True)})


def _column(path: Path, name: str, cells: Sequence[str]) -> "pd.Series[str] | pd.Series[float]":
    if name in TEXT_COLUMNS:
        return pd.Series([unguarded(cell) for cell in cells], dtype=str)
    try:
        return pd.to_numeric(pd.Series(list(cells), dtype=object).replace("", float("nan")))
    except (ValueError, TypeError) as error:
        raise ReportError(f"'{path}', column '{name}' holds what is no number ({visible(str(error))})") from error
