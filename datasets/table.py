"""CSV files that people and spreadsheets write."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.listing import trouble
from datasets.records import ARCHIVES, DatasetError
from datasets.text import printable, shown

LARGEST = 1 << 28  # bytes; millions of rows
DELIMITERS = (",", ";", "\t")
SAVE_AS = "save it as CSV in UTF-8"


@dataclass(frozen=True)
class Row:
    """A line of a table: its number, and its cells by column; a cell that is missing at the end is empty."""

    line: int
    cells: dict[str, str]


def read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a CSV file; rows without any content are left out.

    Separated by commas, semicolons or tabs, as the first line is; UTF-8 or, with a byte order mark, UTF-16. Bytes that
    are not UTF-8 are kept as `os.fsdecode` keeps them. Names of columns lose spaces around them, and their case.

    Raises:
        DatasetError: it cannot be read, is no text, names a column twice, or a row has more cells than columns.
    """
    text = _text(path)
    offset = 0
    if text[:4].lower() == "sep=":  # how a spreadsheet is told what separates
        offset, text = 1, text.partition("\n")[2]
    first = io.StringIO(text, newline="").readline()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        _check_columns(columns, path)
        lines = ((reader.line_num + offset, cells) for cells in reader)
        rows = [
            Row(line, _by_column(cells, columns, f"'{printable(path)}' line {line}"))
            for line, cells in lines
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        line = reader.line_num + offset
        raise DatasetError(f"'{printable(path)}' line {line} cannot be read: {error}; check its quotes") from error
    return columns, rows


def _by_column(cells: Sequence[str], columns: Sequence[str], where: str) -> dict[str, str]:
    extra = cells[len(columns) :]
    if any(cell.strip() for cell in extra):
        raise DatasetError(
            f"{where} has {len(cells)} cells, the first line {len(columns)}; "
            "write decimals with a point, and quotes around cells that hold the separator"
        )
    return dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))


def _check_columns(columns: Sequence[str], path: Path) -> None:
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise DatasetError(f"'{printable(path)}' names the column '{shown(twice)}' twice; name each once")


def _text(path: Path) -> str:
    if problem := trouble(path):
        raise DatasetError(f"'{printable(path)}' {problem}; expected a CSV file")
    if path.suffix.lower() in ARCHIVES:
        raise DatasetError(f"'{printable(path)}' is an archive; unpack it and name the CSV file inside")
    try:
        if path.stat().st_size > LARGEST:
            raise DatasetError(f"'{printable(path)}' is larger than {LARGEST >> 20} MB; expected a CSV file of images")
        content = path.read_bytes()
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16") if wide else content.decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise DatasetError(f"'{printable(path)}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"'{printable(path)}' cannot be read as UTF-16: {error.reason}; {SAVE_AS}") from error
    if "\0" in text:
        raise DatasetError(f"'{printable(path)}' cannot be read: it holds NUL characters; {SAVE_AS}")
    return text
