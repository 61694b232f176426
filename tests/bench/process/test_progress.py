import re
import sys

import pytest

from bench.process.log import logged
from bench.process.progress import Progress
from bench.process.voice import speaking

LINES = [
    "scored 4/10 images, 0.05 images/s, 00:30 elapsed, 02:10 left",
    "scored 10/10 images, 0.20 images/s, 00:40 elapsed, 00:00 left",
]
ESTIMATE = "about 02:20 left, after 3 of 10 images"  # once, after 20 s


@pytest.fixture
def work(monkeypatch):
    """Forty seconds of work."""
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def done() -> None:
        with Progress(10, done=2) as progress:
            for _ in range(4):
                clock[0] += 10.0
                progress.advance(0.5)
            progress.reach(10)

    return done


def test_nothing_where_no_terminal_is_and_nobody_asked(work, capsys):
    work()
    assert capsys.readouterr() == (f"{ESTIMATE}\n", "")
    with speaking(quiet=False, progress=False):
        work()
    assert capsys.readouterr() == (f"{ESTIMATE}\n", "")


def test_plain_lines_now_and_then_and_one_at_the_end_where_asked_for(work, capsys):
    with speaking(quiet=False, progress=True):
        work()
    assert capsys.readouterr().err.splitlines() == LINES
    work()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("progress", [False, True])
def test_a_log_gets_the_lines_once_whatever_is_asked(work, capsys, tmp_path, progress):
    with speaking(quiet=False, progress=progress), logged(tmp_path / "log"):
        work()
    first = [] if progress else [ESTIMATE]
    assert (tmp_path / "log").read_text().splitlines() == [*first, *LINES]
    assert bool(capsys.readouterr().err) == progress


def test_quiet_says_nothing_and_the_log_has_all(work, capsys, tmp_path):
    with speaking(quiet=True, progress=True), logged(tmp_path / "log"):
        print("out")
        print("err", file=sys.stderr)
        work()
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "log").read_text().splitlines() == ["out", "err", ESTIMATE, *LINES]


def test_a_bar_on_a_terminal(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with logged(tmp_path / "log"), Progress(4) as progress:  # the terminal under the log
        progress.reach(4)
    assert re.search(r"scored 100%\|.*4\.0/4", capsys.readouterr().err)
    assert re.fullmatch(r"scored 4/4 images, .* left\n", (tmp_path / "log").read_text())


def test_nothing_is_said_after_an_error(capsys):
    try:
        with speaking(quiet=False, progress=True), Progress(4):
            raise KeyError
    except KeyError:
        assert capsys.readouterr().err == ""
