"""What the Parquet files of a run must hold (docs/formats.md): columns, types, no gaps, lists of one length."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.errors import ReportError, regular
from reports.plain import visible
from reports.runs.schema import ADVICE

TEXT, DOUBLE = pa.string(), pa.float64()
DOUBLES, COUNTS = pa.list_(DOUBLE), pa.list_(pa.int32())
MAP = {"method": TEXT, "layer": TEXT, "target": TEXT, "role": TEXT}
WHO = {"image_id": TEXT, "label": TEXT, "predicted": TEXT}
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "scores": {**WHO, **MAP, "metric": TEXT, "value": DOUBLE},
    "curves": {
        "image_id": TEXT, **MAP, "direction": TEXT, "substrate": TEXT, "fraction": DOUBLES, "probability": DOUBLES,
    },
    "localisation": {"image_id": TEXT, **MAP, "foreground": COUNTS, "background": COUNTS, "box_iou": DOUBLES},
    "images": {**WHO, "probability": DOUBLES},  # and the pictures, which are read one by one (reports.runs.pictures)
}  # fmt: skip
BOUNDED = ("fraction", "probability", "box_iou")  # between 0 and 1
MAY_BE_NULL = ("value",)
ROWS = 1 << 16  # of text in memory at a time


def read_columns(path: Path, name: str) -> pd.DataFrame:
    """A table of a run: the columns a report looks at, each of its type, whatever else the file holds.

    Columns of text are categorical, their categories sorted: millions of rows repeat a few names.

    Raises:
        ReportError: it cannot be read, or names the column that is missing or not as expected.
    """
    with opened(path) as file:
        columns = {column: _column(path, file, column, kind) for column, kind in COLUMNS[name].items()}
    return pd.DataFrame(columns)


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file of a run.

    Raises:
        ReportError: it cannot be read, when it is opened or inside.
    """
    try:
        with regular(path).open("rb") as file:  # a path of text may be taken for the address of another machine
            yield pq.ParquetFile(file)
    except ReportError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ReportError(f"'{path}' cannot be read ({' '.join(str(error).split())}); score the run again") from error
    finally:
        pa.default_memory_pool().release_unused()


def check_column(path: Path, file: pq.ParquetFile, column: str) -> None:
    """Raises ReportError unless the file has the column, once."""
    if file.schema_arrow.names.count(column) != 1:
        raise ReportError(f"'{path}' has no column '{column}'; {ADVICE}")


def _column(path: Path, file: pq.ParquetFile, column: str, kind: pa.DataType) -> pd.Series:
    """One column alone, so that what the others take to read need not be held beside it."""
    check_column(path, file, column)
    if kind != TEXT:
        return _checked(path, column, file.read(columns=[column]).column(column), kind).to_pandas()
    parts = [
        _checked(path, column, pa.chunked_array([batch.column(0)]), kind).dictionary_encode()
        for batch in file.iter_batches(ROWS, columns=[column])
    ]
    parts = parts or [_checked(path, column, file.read(columns=[column]).column(column), kind).dictionary_encode()]
    named = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type).to_pandas()
    return named.cat.reorder_categories(sorted(named.cat.categories))


def _checked(path: Path, name: str, values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column in its type, without gaps; of a list every row as long as the first."""
    if not _castable(values.type, kind):
        raise ReportError(f"'{path}', column '{name}' holds {visible(str(values.type))}, expected {kind}; {ADVICE}")
    try:
        values = values.cast(kind)
    except pa.ArrowException as error:
        raise ReportError(f"'{path}', column '{name}' holds what is no {kind} ({error}); {ADVICE}") from error
    if values.null_count and name not in MAY_BE_NULL:
        raise ReportError(f"'{path}', column '{name}' is empty in {values.null_count} rows; {ADVICE}")
    flat = values
    if pa.types.is_list(kind):
        lengths = pc.list_value_length(values).unique()
        flat = pc.list_flatten(values)
        if len(lengths) > 1 or flat.null_count or 0 in lengths.to_pylist():
            raise ReportError(f"'{path}', column '{name}' has lists that are empty or of several lengths; {ADVICE}")
    if pa.types.is_floating(flat.type) and pc.any(pc.is_inf(flat)).as_py():
        raise ReportError(f"'{path}', column '{name}' holds infinite values, which are no scores; {ADVICE}")
    if name in BOUNDED and pc.any(pc.or_(pc.less(flat, -1e-6), pc.greater(flat, 1 + 1e-6))).as_py():
        raise ReportError(f"'{path}', column '{name}' holds values outside 0 to 1; {ADVICE}")
    if kind == COUNTS and pc.any(pc.less(flat, 0)).as_py():
        raise ReportError(f"'{path}', column '{name}' holds negative counts; {ADVICE}")
    return values


def _castable(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether one is a spelling of the other: of another width, or text kept as a dictionary."""
    types = pa.types
    if types.is_list(wanted):
        lists = types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found)
        return lists and _castable(found.value_type, wanted.value_type)
    if types.is_dictionary(found):
        found = found.value_type
    if wanted == TEXT:
        return types.is_string(found) or types.is_large_string(found)
    return types.is_integer(found) or (wanted == DOUBLE and types.is_floating(found))
