import io
import subprocess
import sys

import pytest
from tqdm import tqdm

from bench.process.log import logged


class Broken(io.StringIO):
    """A stream that takes `lines` writes, then none."""

    def __init__(self, lines: int = 0, error: Exception | None = None) -> None:
        super().__init__()
        self.lines, self.error = lines, error or BrokenPipeError(32, "Broken pipe")

    def write(self, text: str) -> int:
        if self.lines == 0:
            raise self.error
        self.lines -= 1
        return super().write(text)


def test_both_streams_are_in_the_log_and_so_is_what_fails(tmp_path, capsys):
    with pytest.raises(RuntimeError, match="no"), logged(tmp_path / "log"):
        print("out")
        print("err", file=sys.stderr)
        raise RuntimeError("no")
    assert capsys.readouterr() == ("out\n", "err\n")
    text = (tmp_path / "log").read_text()
    assert text.startswith("out\nerr\nTraceback")
    assert text.endswith("RuntimeError: no\n")


@pytest.mark.parametrize("stream", [None, Broken(), Broken(error=ValueError("I/O operation on closed file"))])
def test_output_that_nobody_reads_ends_no_night(tmp_path, monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    with logged(tmp_path / "log"):
        print("one")
        print("two", file=sys.stderr)
    text = (tmp_path / "log").read_text()
    assert [line for line in text.splitlines() if not line.startswith("[output ends")] == ["one", "two"]


def test_a_log_on_a_full_disk_ends_no_night(monkeypatch, capsys):
    class Full:
        def open(self, *_: object, **__: object) -> Broken:
            return Broken(1, OSError(28, "No space left on device"))

    with logged(Full()):
        print("one")
        print("two")
        print("three")
    out = capsys.readouterr().out
    assert out.count("No space left on device") == 1
    assert [line for line in out.splitlines() if not line.startswith("[output ends")] == ["one", "two", "three"]


def test_text_that_the_terminal_cannot_show(tmp_path, monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    with logged(tmp_path / "log"):
        print("caf\udce9 \u2192")
    assert narrow.buffer.getvalue() == b"caf\\udce9 \\u2192\n"
    assert (tmp_path / "log").read_text() == "caf\\udce9 →\n"


def test_the_streams_are_what_others_expect_of_streams(tmp_path):
    with logged(tmp_path / "log"):
        assert not sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding
        assert sys.stdout.errors
        sys.stdout.flush()
        for _ in tqdm(range(3), file=sys.stderr):
            pass
        sys.stdout.writelines(["a\n", "b\n"])
    assert "3/3" in (tmp_path / "log").read_text()


def test_child_processes_may_write_to_the_stream(tmp_path, monkeypatch):
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with logged(tmp_path / "log"):
            subprocess.run(["echo", "from a child"], stdout=sys.stdout, check=True)
        monkeypatch.setattr(sys, "stdout", None)
        with logged(tmp_path / "log"), pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
    assert (tmp_path / "out").read_text() == "from a child\n"
