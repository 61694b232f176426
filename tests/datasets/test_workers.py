import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch

from datasets import DATASETS, DatasetError, Record, load_batches, workers

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {"resize": 32, "crop": 24, "classes": ("cat", "dog")}
BATCHES = [[0, 1], [2, 3, 4], [5], [6, 7], [8, 9]]


@pytest.fixture
def odd(monkeypatch):
    """The module of drawings that misbehave, importable in every process."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "fuzz"))
    import odd_drawings

    return odd_drawings


@pytest.fixture
def records(tmp_path, picture):
    for number in range(10):
        picture(40 + number, 30 + number).save(tmp_path / f"{number}.png")
    return [Record(f"{number}.png", tmp_path / f"{number}.png", ("cat",)) for number in range(10)]


def same(found, expected) -> bool:
    return all(
        (one.ids, one.positions, one.skipped) == (other.ids, other.positions, other.skipped)
        and torch.equal(one.images, other.images)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_dead_process_costs_the_image_that_killed_it(records, odd, number):
    expected = list(load_batches(records, BATCHES, **OPTIONS))
    records[3] = Record("killer", records[3].path, ("dog",), drawing=odd.Killer(number))
    found = list(load_batches(records, BATCHES, workers=2, **OPTIONS))
    assert [batch.positions for batch in found] == [(0, 1), (2, 4), (5,), (6, 7), (8, 9)]
    assert [(skip.path, skip.reason) for batch in found for skip in batch.skipped] == [
        (str(records[3].path), "the process that decoded it died")
    ]
    assert torch.equal(found[1].images, expected[1].images[[0, 2]])
    assert same([found[0], *found[2:]], [expected[0], *expected[2:]])
    assert found[1].present.tolist() == [[True, False]] * 2


def test_a_process_that_dies_once_costs_nothing(records, odd, tmp_path):
    records[3] = Record("once", records[3].path, ("dog",), drawing=odd.Killer(signal.SIGKILL, tmp_path / "marker"))
    (batch,) = load_batches(records, [[2, 3, 4]], workers=1, **OPTIONS)
    assert batch.positions == (2, 4)
    assert batch.skipped[0].reason == "cannot be read: ValueError: alive"


def test_processes_killed_from_outside_cost_nothing(records):
    expected = list(load_batches(records, BATCHES, **OPTIONS))
    found = []
    with closing(load_batches(records, BATCHES, workers=2, **OPTIONS)) as batches:
        for batch in batches:
            found.append(batch)
            for process in multiprocessing.active_children():
                process.kill()
                process.join()
    assert same(found, expected)


def test_an_image_that_is_never_read_is_given_up(records, odd, monkeypatch):
    list(load_batches(records, [[0]], workers=1, **OPTIONS))  # what starts processes is there
    monkeypatch.setattr(workers, "PART_SECONDS", 4.0)  # enough for the others on a busy machine
    monkeypatch.setattr(workers, "STALL_SECONDS", 1.0)
    records[3] = Record("sleeper", records[3].path, ("dog",), drawing=odd.Sleeper())
    found = list(load_batches(records, [[2, 3, 4], [5]], workers=1, **OPTIONS))
    assert [batch.positions for batch in found] == [(2, 4), (5,)]
    assert "took longer than" in found[0].skipped[0].reason


@pytest.mark.parametrize("count", [0, 1])
def test_what_a_batch_raises_arrives_as_it_is(odd, count):
    scene = DATASETS["synthetic"]().records[0]
    record = Record("bad", scene.path, scene.classes, drawing=odd.Failing(OSError("no brush"), scene.drawing))
    with pytest.raises(OSError, match="no brush"):
        list(load_batches([record], [[0]], workers=count, removals=True, **OPTIONS))
    assert not multiprocessing.active_children()


def test_what_cannot_be_sent_to_a_process_is_one_clear_error(records):
    class Local:
        pass

    records[0] = Record("local", records[0].path, ("cat",), drawing=Local())
    with pytest.raises(DatasetError, match=r"cannot be started \(.*Local.*\); free memory, or use --workers 0"):
        list(load_batches(records, BATCHES, workers=1, **OPTIONS))


def test_processes_that_end_before_they_begin_are_one_clear_error(records, monkeypatch):
    monkeypatch.setattr("datasets.process._serve", os._exit)  # which takes no pipe
    with pytest.raises(DatasetError, match=r"they end before they begin.*--workers 0"):
        list(load_batches(records, BATCHES, workers=1, **OPTIONS))


@pytest.mark.parametrize("how", ["close", "forget", "raise"])
def test_processes_end_with_the_generator(records, how):
    batches = load_batches(records, BATCHES, workers=2, **OPTIONS)
    next(batches)
    assert multiprocessing.active_children()
    if how == "close":
        batches.close()
    elif how == "raise":
        with pytest.raises(KeyboardInterrupt), closing(batches):
            raise KeyboardInterrupt
    del batches
    gc.collect()
    assert not multiprocessing.active_children()


CONSUMER = """
import multiprocessing, os, signal, sys
from pathlib import Path
from datasets import Record, load_batches
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    path = Path(sys.argv[1])
    records = [Record(str(n), path, ("cat",)) for n in range(40)]
    batches = load_batches(records, [[n] for n in range(40)], resize=32, crop=24, classes=("cat", "dog"), workers=2)
    next(batches)
    print(*(process.pid for process in multiprocessing.active_children()), flush=True)
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    kept = sys.modules["kept"] = batches
    raise ValueError("a shape that nobody expected")
"""


@pytest.mark.parametrize(("how", "code"), [("failed", 1), ("killed", -signal.SIGKILL)])
def test_a_process_that_fails_or_is_killed_leaves_nobody_behind(records, tmp_path, how, code):
    script = tmp_path / "consumer.py"
    script.write_text(CONSUMER)
    command = [sys.executable, str(script), str(records[0].path), how]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert ended.returncode == code, ended.stderr
    assert ("ValueError: a shape" in ended.stderr) == (how == "failed")
    pids = [int(word) for word in ended.stdout.split()]
    assert len(pids) == 2
    for _ in range(600):
        if not any(alive(pid) for pid in pids):
            break
        time.sleep(0.1)
    assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
