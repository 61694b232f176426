"""What a process and its children hold, from /proc; Linux alone."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC, TICKS = Path("/proc"), os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One look at a tree of processes.

    Attributes:
        seconds: since the first look.
        done: how far the work is, as the caller counts it.
        main: resident memory of the first process, MB.
        tree: memory of all of them, shared pages counted once, MB.
        handles: open ones of all.
        threads: of all.
        processes: how many there are.
        cpu: seconds that all of them have used.
    """

    seconds: float
    done: int
    main: float
    tree: float
    handles: int
    threads: int
    processes: int
    cpu: float


class Watch:
    """Inside, looks at a process and its children again and again.

    Args:
        pid: of the first process.
        done: how far the work is.
        every: seconds between two looks.
    """

    def __init__(self, pid: int, done: Callable[[], int], every: float) -> None:
        self.samples: list[Sample] = []
        self._pid, self._done, self._every = pid, done, every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        begun, done = time.monotonic(), 0
        while not self._ended.wait(self._every):
            done = max(done, self._done())  # what is counted is removed in the end
            found = look(self._pid, time.monotonic() - begun, done)
            if found:
                self.samples.append(found)


def look(pid: int, seconds: float, done: int) -> Sample | None:
    """A sample of the process and its children; None once it has ended."""
    pids = _tree(pid)
    held = [found for one in pids if (found := _held(one))]
    if not held or pids[0] != pid:
        return None
    memory, handles, threads, cpu = (sum(column) for column in list(zip(*held, strict=True))[1:])
    return Sample(seconds, done, held[0][0], memory, int(handles), int(threads), len(held), cpu)


def _tree(pid: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, list[int]] = {}
    for path in PROC.iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            parents.setdefault(int(fields[1]), []).append(int(path.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _held(pid: int) -> tuple[float, float, int, int, float] | None:
    """Resident and proportional memory in MB, handles, threads, CPU seconds with those of children that have ended."""
    try:
        memory = dict(line.split(":", 1) for line in (PROC / f"{pid}/smaps_rollup").read_text().splitlines()[1:])
        handles = len(os.listdir(PROC / f"{pid}/fd"))  # noqa: PTH208 (a path of each costs more)
    except (OSError, ValueError):
        return None
    fields = _stat(pid)
    if not fields or "Rss" not in memory:
        return None
    resident, proportional = (int(memory[name].split()[0]) / 1024 for name in ("Rss", "Pss"))
    return resident, proportional, handles, int(fields[17]), sum(map(int, fields[11:15])) / TICKS


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on."""
    try:
        return (PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
