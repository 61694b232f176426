"""Processes that read ahead, and what happens when one of them dies.

Each process has a pipe of its own and one number in hand, so that it is known what a dead one was reading, nothing is
shared that could stay locked, and no signal handler raises in the middle of other work. What a dead process had in hand
is read again, part by part, each part in a process of its own: the part that kills two of them, or does not return, is
given up with its reason; all else is as if nothing had happened. So a process that was killed from outside costs
nothing but time, and the results do not depend on how many processes there are.
"""

import time
from collections.abc import Generator, Sequence
from multiprocessing import connection, util
from typing import Any, Generic, Protocol, TypeVar

from datasets.process import ProcessDiedError, Task, TaskProcess, unstartable

Result = TypeVar("Result", covariant=True)

AHEAD = 2  # results per process, held or in the making
PART_SECONDS = 120.0  # for one part alone; the largest images take seconds
STALL_SECONDS = 300.0  # without a result that is waited for, at least; then its parts are tried one by one
ATTEMPTS = 2  # processes that a part has to kill
DIED, STALLED = "the process that decoded it died", f"reading it took longer than {PART_SECONDS:g} seconds"


class Work(Protocol[Result]):
    """Numbered results, each of parts that can be read alone; goes to other processes by pickle."""

    def __len__(self) -> int:
        """How many results there are."""

    def __call__(self, number: int) -> Result:
        """A result."""

    def parts(self, number: int) -> Sequence[int]:
        """What it is made of."""

    def single(self, part: int) -> Task:
        """Reads the one part."""

    def lost(self, part: int, reason: str) -> Any:
        """Stands for a part that cannot be read."""

    def joined(self, number: int, parts: Sequence[Any]) -> Result:
        """The result, from what `single` and `lost` gave for its parts."""


def in_order(work: Work[Result], count: int) -> Generator[Result, None, None]:
    """All results in order, read by `count` processes.

    The processes end when this generator is closed, when nobody refers to it any more, when the interpreter ends, and
    when this process dies.

    Raises:
        DatasetError: processes cannot be started.
    """
    crew = _Crew(work, count)
    try:
        for number in range(len(work)):
            yield crew.result(number)
    finally:
        crew.close()


class _Crew(Generic[Result]):
    def __init__(self, work: Work[Result], count: int) -> None:
        self.work, self.count = work, count
        self.readers: list[TaskProcess] = []
        self.ready: dict[int, Result] = {}
        self.next = 0
        # Before multiprocessing's own end of the interpreter, which waits for processes that ignore SIGTERM.
        self.close = util.Finalize(self, _end, args=(self.readers,), exitpriority=100)

    def result(self, number: int) -> Result:
        limit = max(STALL_SECONDS, PART_SECONDS * len(self.work.parts(number)) / 10)
        given_up = time.monotonic() + limit
        self._receive(0)
        while number not in self.ready:
            self._hand_out(number)
            self._receive(max(0.0, given_up - time.monotonic()))
            if number not in self.ready and time.monotonic() >= given_up:
                self._recover(next(reader for reader in self.readers if reader.number == number))
        found = self.ready.pop(number)
        self._hand_out(number + 1)
        return found

    def _hand_out(self, wanted: int) -> None:
        """Gives every idle process the next number, not too far ahead of the one that is wanted."""
        end = min(len(self.work), wanted + AHEAD * self.count)
        while self.next < end:
            reader = next((reader for reader in self.readers if reader.number is None), None)
            if reader is None:
                if len(self.readers) == self.count:
                    return
                reader = self._started(self.work)
            reader.give(self.next)
            self.next += 1

    def _receive(self, seconds: float) -> None:
        """Takes what has arrived, after waiting for the first of it."""
        busy: dict[Any, TaskProcess] = {reader.pipe: reader for reader in self.readers if reader.number is not None}
        for pipe in connection.wait(list(busy), seconds):
            reader = busy[pipe]
            try:
                found = reader.take()
            except ProcessDiedError:
                self._recover(reader)
                continue
            if found is not None and reader.number is not None:
                self.ready[reader.number] = found
                reader.number = None

    def _recover(self, dead: TaskProcess) -> None:
        """Reads again what a dead process had in hand."""
        self.readers.remove(dead)
        dead.end()
        if dead.number is not None:
            parts = [self._alone(part) for part in self.work.parts(dead.number)]
            self.ready[dead.number] = self.work.joined(dead.number, parts)

    def _started(self, task: Task) -> TaskProcess:
        reader = TaskProcess(task)
        self.readers.append(reader)  # before it starts: whatever happens now, it ends with the others
        reader.start()
        return reader

    def _alone(self, part: int) -> Any:
        task = self.work.single(part)
        killed = unstarted = 0
        while killed < ATTEMPTS:
            reader = self._started(task)
            try:
                reader.give(part)
                while reader.pipe.poll(PART_SECONDS):
                    found = reader.take()
                    if found is not None:
                        return found
                return self.work.lost(part, STALLED)
            except ProcessDiedError:
                killed += reader.greeted
                unstarted += not reader.greeted
                if unstarted > ATTEMPTS:
                    raise unstartable("they end before they begin") from None
            finally:
                self.readers.remove(reader)
                reader.end()
        return self.work.lost(part, DIED)


def _end(readers: list[TaskProcess]) -> None:
    for reader in readers:
        reader.kill()  # all of them at once
    while readers:
        readers.pop().end()
