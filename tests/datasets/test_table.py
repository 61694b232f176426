import os

import pytest

from datasets import DatasetError
from datasets.table import read_table


@pytest.fixture
def read(tmp_path):
    def table(content: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
        path = tmp_path / "t.csv"
        path.write_bytes(content)
        columns, rows = read_table(path)
        return columns, [(row.line, list(row.cells.values())) for row in rows]

    return table


PLAIN = "path,label\na.jpg,cat\nb.jpg,dog\n"
EXPECTED = (["path", "label"], [(2, ["a.jpg", "cat"]), (3, ["b.jpg", "dog"])])


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16").replace(b",\0", b"\t\0"),  # a spreadsheet's "Unicode text"
        ("\ufeff" + PLAIN).encode("utf-16-be"),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("path,label", " Path , LABEL").encode(),
        (PLAIN + ",\n\n , \n").encode(),
        PLAIN.replace("cat", "cat,,").encode(),
        PLAIN.rstrip().encode(),
    ],
)
def test_what_people_and_spreadsheets_write(read, content):
    assert read(content) == EXPECTED


def test_the_separator_may_be_said_first(read):
    columns, rows = read(b"sep=;\npath;label\na,b.jpg;cat\n")
    assert (columns, rows) == (["path", "label"], [(3, ["a,b.jpg", "cat"])])


def test_quotes_short_rows_line_breaks_and_undecodable_bytes(read):
    _, rows = read(b'path,label,mask\n"a, ""b""\nc.jpg",cat\n\xe9.jpg,dog,m.png\n')
    assert rows == [(3, ['a, "b"\nc.jpg', "cat", ""]), (4, [os.fsdecode(b"\xe9.jpg"), "dog", "m.png"])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"path,label\na.jpg,cat,5,3\n", "line 2 has 4 cells, the first line 2; write decimals with a point"),
        (b'path,label\n"a.jpg,cat\nb.jpg,dog\n', "line 3 cannot be read: unexpected end of data; check its quotes"),
        (b"path,label\n" + b"x" * 200_000 + b",cat\n", r"line 2 cannot be read: field larger than field limit"),
        (b"path,label,path\n", "names the column 'path' twice"),
        (b"path,label\na\0.jpg,cat\n", "holds NUL characters; save it as CSV in UTF-8"),
        (PLAIN.encode("utf-16-le"), "holds NUL characters; save it as CSV in UTF-8"),
        (PLAIN.encode("utf-32"), "holds NUL characters|cannot be read as UTF-16"),
        (b"\xff\xfea", "cannot be read as UTF-16: truncated data; save it as CSV in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_one_line(read, content, said):
    with pytest.raises(DatasetError, match=said) as caught:
        read(content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 1000


def test_folders_pipes_and_archives(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "list.zip").touch()
    for name, said in (
        (".", "is a folder; expected a CSV file"),
        ("pipe.csv", "is no regular file; expected a CSV file"),
        ("list.zip", "is an archive; unpack it"),
        ("gone.csv", "not found; expected a CSV file"),
    ):
        with pytest.raises(DatasetError, match=said):
            read_table(tmp_path / name)
