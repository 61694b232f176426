import os
import socket
import zlib
from pathlib import Path

import pytest

from datasets.content import MISSING, UnreadableError, described, read_content, refusing, stamp_of


def test_a_regular_file_is_read_through_links(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    (tmp_path / "second").symlink_to(tmp_path / "link")
    assert read_content(tmp_path / "second", stamp_of(tmp_path / "x")) == b"abc"


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    ("make", "kind"),
    [(os.mkfifo, "a pipe"), (os.mkdir, "a folder"), (make_socket, "a socket"), (None, "a device")],
)
def test_only_regular_files_are_opened(tmp_path, monkeypatch, make, kind, linked):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = Path("x.jpg") if make else Path(os.devnull)
    if make:
        make(path)
    if linked:
        Path("link").symlink_to(path)
        path = Path("link")
    with pytest.raises(UnreadableError, match=f"^is {kind}, expected a regular file$"):
        read_content(path)


def test_a_pipe_that_takes_the_place_of_a_file_does_not_block(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "x")
    (tmp_path / "file").touch()
    status = (tmp_path / "file").stat()
    monkeypatch.setattr(Path, "stat", lambda path: status)
    with pytest.raises(UnreadableError, match="is a pipe"):
        read_content(tmp_path / "x")


def test_missing_broken_and_circular_links(tmp_path):
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name, reason in (("gone", "No such file"), ("broken", "No such file"), ("circle", "symbolic links")):
        with pytest.raises(UnreadableError, match=f"cannot be opened: .*{reason}"):
            read_content(tmp_path / name)
        assert stamp_of(tmp_path / name) == MISSING


def test_an_enormous_file_is_not_read(tmp_path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(2**40)  # a hole
    with pytest.raises(UnreadableError, match="1099511627776 bytes, more than 1073741824"):
        read_content(tmp_path / "x")


def test_a_changed_file_is_noticed(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    stamp = stamp_of(path)
    os.utime(path, ns=(0, stamp[1]))
    assert read_content(path, stamp) == b"abc"
    os.utime(path, ns=(0, stamp[1] + 1))
    with pytest.raises(UnreadableError, match=r"^changed since the run began$"):
        read_content(path, stamp)
    path.write_bytes(b"abcd")
    os.utime(path, ns=(0, stamp[1]))
    with pytest.raises(UnreadableError, match="changed since the run began"):
        read_content(path, stamp)
    with pytest.raises(UnreadableError, match="changed since the run began"):
        read_content(path, MISSING)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "MemoryError"),
        (KeyError("x"), "KeyError: 'x'"),
        (zlib.error("Error -3\nwhile\x0b decompressing"), "error: Error -3 while decompressing"),
        (ValueError("\udcff\x00 <io at 0x7f00>"), r"ValueError: \udcff? <io>"),
        (OSError("x" * 1000), "OSError: " + "x" * 300),
    ],
)
def test_whatever_is_raised_is_one_line(error, text):
    assert described(error) == text
    with pytest.raises(UnreadableError) as caught, refusing("damaged"):
        raise error
    assert str(caught.value) == f"damaged: {text}"


def test_an_interruption_is_no_reason_to_skip():
    with pytest.raises(KeyboardInterrupt), refusing("damaged"):
        raise KeyboardInterrupt


def test_a_name_that_no_file_can_have():
    with pytest.raises(UnreadableError, match=r"^cannot be opened: ValueError: embedded null byte"):
        read_content(Path("a\0b"), None)
    assert stamp_of(Path("a\0b")) == MISSING
