"""Random command lines end in one line and an exit code that means what it says; never a traceback, never a harm."""

import importlib.util
import os
import random
from pathlib import Path

import pytest

from bench.cli import main
from weights import WeightsError

SOURCE = Path(__file__).resolve().parents[1] / "fuzz" / "command_lines.py"
COUNT = 500


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("command_lines", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def light(monkeypatch):
    """No network is opened and no scene drawn: what comes before decides here."""

    def stop(*_: object, **__: object) -> None:
        raise WeightsError("the test goes no further")

    for module, name in (
        ("run.plan", "load_classifier"),
        ("training.train", "load_classifier"),
        ("training.train", "fresh_classifier"),
        ("scenes.certify", "load_classifier"),
    ):
        monkeypatch.setattr(f"bench.{module}.{name}", stop)
    monkeypatch.setattr("bench.scenes.leakage.leakage", lambda scenes: ([f"{scenes} scenes"], True))


def ended(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as stopped:  # of argparse
        return stopped.code


def test_random_command_lines(generator, light, tmp_path, monkeypatch, capsys):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    paths = generator.prepare(tmp_path)
    chance = random.Random(12)
    for number in range(int(COUNT * float(os.environ.get("CAMBENCH_FUZZ", "1")))):
        words = generator.command_line(chance, paths)
        code = ended(words)
        said = capsys.readouterr()
        shown = (number, words, said.err)
        assert code in (0, 1, 2, 3, 130), shown
        assert "Traceback" not in said.err, shown
        if code == 2:
            assert said.err.count("\n") == 1, shown
            assert said.err.isprintable() or said.err[:-1].isprintable(), shown
    assert (tmp_path / "foreign" / ".draft.tmp").read_text() == "mine"
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == [".draft.tmp"]
