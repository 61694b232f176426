import multiprocessing
import multiprocessing.process
from pathlib import Path

import pytest

from datasets.process import ProcessDiedError, TaskProcess


def twice(number: int) -> int:
    if number < 0:
        raise ValueError(f"{number} is negative")
    return 2 * number


@pytest.fixture
def process(monkeypatch):
    """A process that doubles numbers; other processes import this file by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import test_process

    started = TaskProcess(test_process.twice)
    started.start()
    yield started
    started.end()


def result(process: TaskProcess):
    while (found := process.take()) is None:
        pass
    return found


def test_numbers_go_in_and_results_come_out(process):
    for number in (3, 4):
        process.give(number)
        assert result(process) == 2 * number
    assert process.greeted


def test_what_a_task_raises_is_raised_here_and_it_goes_on(process):
    process.give(-1)
    with pytest.raises(ValueError, match="-1 is negative"):
        result(process)
    process.give(1)
    assert result(process) == 2


def test_a_dead_process_says_so(process):
    process.kill()
    process.process.join()
    process.give(1)
    with pytest.raises(ProcessDiedError):
        result(process)


def test_a_process_that_was_never_started_can_be_ended():
    TaskProcess(twice).end()


class Immortal:
    """A process that waits for a disk: no signal reaches it."""

    pid = 1

    def is_alive(self):
        return True

    def kill(self):
        pass

    def join(self, seconds):
        assert seconds


def test_the_interpreter_does_not_wait_for_a_process_that_cannot_be_killed(monkeypatch):
    immortal = Immortal()
    monkeypatch.setattr(multiprocessing.process, "_children", {immortal})
    process = TaskProcess(twice)
    process.process = immortal
    process.end()
    assert not multiprocessing.process._children
