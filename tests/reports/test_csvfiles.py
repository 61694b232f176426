import numpy as np
import pandas as pd
import pytest

from reports.csvfiles import csv_bytes, guarded, read_csv, unguarded
from reports.errors import ReportError

NAMES = (
    "=1+1", "+1", "-x", "@sum", "\tx", "\rx", "\nx", "'", "''=x", "'=x", "a\nb", "a\rb", "\0", "\u202eabc", "NA",
    "null", "1", "True", "1e5", "nan", "", " x ", 'a"b', "a,b", "\\n", "'\\n", "=\\x41", "\uff1dx", "a/b", "ü", "😀",
)  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
def test_a_cell_is_no_formula_and_comes_back(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    assert cell.isprintable()


def test_names_that_look_like_numbers_survive_and_numbers_stay_numbers(tmp_path):
    table = pd.DataFrame({"method": NAMES, "n": range(len(NAMES)), "mean": np.linspace(-1 / 3, 1, len(NAMES))})
    table.loc[3, "mean"] = np.nan
    (tmp_path / "t.csv").write_bytes(csv_bytes(table))
    assert "-0.3333333333333333" in (tmp_path / "t.csv").read_text()
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), table)


def test_no_rows(tmp_path):
    (tmp_path / "t.csv").write_bytes(csv_bytes(pd.DataFrame(columns=["method", "n"])))
    assert list(read_csv(tmp_path / "t.csv", ["n"]).columns) == ["method", "n"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column 'n'"),
        (b"method\nx\n", "has no column 'n'"),
        (b"n,n\n1,2\n", "has no column"),
        (b"n\n1,2\n", "line 2 has 2 cells, not 1"),
        (b"n\nx\n", "column 'n' holds what is no number"),
        (b"\xff\xfe\0\x01", "cannot be read"),
        (b'n\n"1', "cannot be read"),
    ],
)
def test_damaged_tables_are_named(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ReportError, match=rf"t.csv'.*{said}"):
        read_csv(tmp_path / "t.csv", ["n"])


def test_a_table_that_was_cut_in_its_last_number_is_refused(tmp_path):
    """0.25 cut after its 2 is a number, of another value."""
    path = tmp_path / "t.csv"
    path.write_bytes(csv_bytes(pd.DataFrame({"method": ["a"], "mean": [0.25]}))[:-2])
    with pytest.raises(ReportError, match="ends in the middle of a line"):
        read_csv(path)
