import re

from bench.process.progress import Progress


def test_plain_lines_now_and_then_and_one_at_the_end(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    with Progress(10, done=2) as progress:
        for _ in range(4):
            clock[0] += 10.0
            progress.advance(0.5)
        progress.reach(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "scored 4/10 images, 0.05 images/s, 00:30 elapsed, 02:10 left",
        "scored 10/10 images, 0.20 images/s, 00:40 elapsed, 00:00 left",
    ]


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(4) as progress:
        progress.reach(4)
    assert re.search(r"scored 100%\|.*4\.0/4", capsys.readouterr().err)


def test_nothing_is_said_after_an_error(capsys):
    try:
        with Progress(4):
            raise KeyError
    except KeyError:
        assert capsys.readouterr().err == ""
