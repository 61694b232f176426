"""One writer at a time, also where locks do not reach other machines; nothing stays behind."""

import json
import os
import time

import filelock
import pytest

from bench.errors import ConfigError
from bench.process import lock as locking
from bench.process.lock import only_writer, tidy


def entered(lock) -> None:
    with only_writer(lock, "busy"):
        pass


def test_inside_there_is_no_other_and_afterwards_nothing_is_left(tmp_path):
    lock = tmp_path / "lock"
    with only_writer(lock, "busy"), pytest.raises(ConfigError, match=r"^busy$"):
        entered(lock)
    assert list(tmp_path.iterdir()) == []
    entered(lock)


def test_an_error_inside_frees_it(tmp_path):
    with pytest.raises(ZeroDivisionError), only_writer(tmp_path / "lock", "busy"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def without_locks(monkeypatch):
    """As on a network disk: every machine gets the lock."""
    monkeypatch.setattr(filelock.FileLock, "acquire", lambda *_, **__: None)
    monkeypatch.setattr(filelock.FileLock, "release", lambda *_, **__: None)


def note(tmp_path, machine: str, age: float) -> None:
    path = tmp_path / "lock-owner"
    path.write_text(json.dumps({"machine": f"{machine} boot", "process": 7, "token": "theirs"}))
    os.utime(path, (time.time() - age,) * 2)
    (tmp_path / "lock").touch()


def test_a_writer_on_another_machine_is_seen_while_it_lives(tmp_path, without_locks, monkeypatch):
    note(tmp_path, "north", 10)
    with pytest.raises(ConfigError, match=r"busy \(machine north, process 7, last seen 1[01] s ago\)"):
        entered(tmp_path / "lock")
    assert (tmp_path / "lock").exists()  # it is theirs
    note(tmp_path, "north", 100)
    entered(tmp_path / "lock")
    monkeypatch.setattr(locking, "_machine", lambda: "north boot")
    note(tmp_path, "north", 0)
    entered(tmp_path / "lock")  # this machine has freed its lock: it is dead


def test_a_note_that_was_never_finished_is_no_writer(tmp_path, without_locks, monkeypatch):
    monkeypatch.setattr(locking, "UNFINISHED", 0.01)
    for name in ("lock", "lock-owner"):
        (tmp_path / name).touch()
    entered(tmp_path / "lock")


def test_a_living_writer_touches_its_note(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "BEAT", 0.01)
    with only_writer(tmp_path / "lock", "busy"):
        path = tmp_path / "lock-owner"
        os.utime(path, (0, 0))
        while path.stat().st_mtime == 0:
            time.sleep(0.01)
        path.write_text(json.dumps({"token": "theirs"}))  # taken over, as this process had been held up
    assert json.loads(path.read_text())["token"] == "theirs"


def test_what_a_dead_process_left_is_tidied_and_what_a_living_one_holds_is_not(tmp_path):
    lock = tmp_path / "lock"
    tidy(lock)
    assert list(tmp_path.iterdir()) == []
    with only_writer(lock, "busy"):
        tidy(lock)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "lock-owner"]
    (tmp_path / "lock-owner").write_text(json.dumps({"machine": locking._machine(), "token": "t"}))
    tidy(lock)
    assert list(tmp_path.iterdir()) == []
