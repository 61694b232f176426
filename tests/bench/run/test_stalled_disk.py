"""A disk that answers late: every write of a run waits for it, none is lost, and a signal that comes meanwhile counts.

A stand-in for the disk holds each call that changes files below the run directory until another thread lets it go on.
"""

import io
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.cli import main
from tests.fuzz.faults import CALLS, Faults
from tests.fuzz.rundirs import files_of, wrong_files


class StalledDisk(Faults):
    """Holds each call that the main thread makes, as the kernel does: half is done, and signals have to wait."""

    def __init__(self, folder: Path, look: Callable[[int], None]) -> None:
        """`look` gets the number of the call, from 1, before the disk answers; in the disk's thread."""
        super().__init__(folder, None, "")
        self.look, self.error, self.over = look, None, False
        self.asked, self.answered = threading.Event(), threading.Event()
        self.main, self.thread = threading.get_ident(), threading.Thread(target=self._answer)

    def point(self, name: str, act: Callable[[], Any], half: Callable[[], Any], rest: Callable[[], Any]) -> Any:
        """One call, which returns when the disk has answered."""
        if threading.get_ident() != self.main:
            return act()
        self.count += 1
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            half()
            self.asked.set()
            self.answered.wait()
            self.answered.clear()
            return rest()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a signal that came is delivered here

    def _answer(self) -> None:
        while self.asked.wait() and not self.over:
            self.asked.clear()
            try:
                self.look(self.count)
            except Exception as error:
                self.error = self.error or error
            self.answered.set()


@contextmanager
def stalled(folder: Path, look: Callable[[int], None]) -> Iterator[StalledDisk]:
    """Inside, every call that changes files below the folder waits until the disk's thread has looked."""
    disk = StalledDisk(folder, look)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (*((os, name) for name in CALLS), (io, "open")):
            patch.setattr(module, name, getattr(module, name))  # so that it is put back
        disk.thread.start()
        disk.install()
        try:
            yield disk
        finally:
            disk.over = True
            disk.asked.set()
            disk.thread.join()
    if disk.error:
        raise disk.error


def shards(folder: Path) -> set[str]:
    return {path.name for path in (folder / "shards").glob("[0-9]*")}


def status(folder: Path) -> str:
    """Of the manifest, which is whole whenever it is there."""
    path = folder / "manifest.json"
    return json.loads(path.read_text())["status"] if path.exists() else "none"


@pytest.fixture(scope="module")
def waited(small_job) -> tuple[Path, int, list[str]]:
    """A run whose every write waited: its folder, how many did, and the states in which it was seen."""
    work, words = small_job
    out, seen, states = work / "waited", set(), []

    def look(_number: int) -> None:
        states.append(status(out))
        for path in out.glob("*.parquet"):
            pq.read_table(path)
        if states[-1] != "complete":  # then the shards go, for the final files hold them
            assert seen <= shards(out)
            seen.update(shards(out))
            assert all((out / "shards" / name / "contents.json").exists() for name in seen)

    with stalled(out, look) as disk:
        assert main([*words, str(out)]) == 0
    return out, disk.count, states


def test_a_run_whose_every_write_waits_ends_complete_and_the_same(waited, undisturbed_job):
    out, count, states = waited
    assert len(states) == count
    assert list(dict.fromkeys(states)) == ["none", "running", "complete"]
    assert wrong_files(out, undisturbed_job, manifest=True) == []
    assert files_of(out) == files_of(undisturbed_job)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0])
def test_a_signal_that_comes_while_a_write_waits_ends_the_run_once_the_disk_answers(
    waited, small_job, undisturbed_job, tmp_path, capsys, share
):
    _, count, _ = waited
    out, words, when = tmp_path / "run", small_job[1], 1 + round(share * (count - 1))
    there: list[set[str]] = []

    def look(number: int) -> None:
        if number == when:
            there.append(shards(out))
            signal.pthread_kill(disk.main, signal.SIGTERM)

    with stalled(out, look) as disk:
        assert main([*words, str(out)]) == 130
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("cambench: interrupted; finished work is kept, go on with --resume")
    assert "Traceback" not in said
    assert status(out) == "complete" or there[0] <= shards(out)
    assert main([*words, str(out)]) == 0
    assert wrong_files(out, undisturbed_job, manifest=True) == []
    assert files_of(out) == files_of(undisturbed_job)
