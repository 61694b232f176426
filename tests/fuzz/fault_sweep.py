"""Tries the points at which a small job can fail or be killed, and calls the job again after each.

    python tests/fuzz/fault_sweep.py SEED run=30 report=5 nightly=10 train=20     so many points each, drawn by the seed
    python tests/fuzz/fault_sweep.py SEED run=all report=all nightly=all train=all

Prints a line of JSON per job: how many points there are, how many were tried, the seconds of the slowest call, and
every point after which the next call did not end with the undisturbed result. Each call is a forked child of one
process that has imported everything and has no threads.

With `all`, a kill is not done but looked up: one undisturbed call is halted at each point, and the folder as it lies
there is what a kill leaves. Failures are children forked at their point. A drawn share of both is done in calls of
their own, and must leave the same. Points that leave the same files share the second call.
"""

import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fault_jobs import Job, State, ended_wrong, state
from fault_watch import Branches, Snapshots
from faults import FAILS, KINDS, Point

CHECKED = 40  # points that are tried in a call of their own, to see whether it leaves what is known of the point


class States:
    """Folders as they were left, each once, and the points that left them so."""

    def __init__(self, out: Path, kept: Path) -> None:
        self.out, self.kept = out, kept
        self.points: dict[str, list[Point]] = {}

    def keep(self, point: Point) -> str:
        """Keeps the folder as it is now, unless that is known."""
        key = _digest(state(self.out))
        with (self.kept / f"{key}.points").open("a") as file:  # a child's findings reach its parent so
            file.write(json.dumps(point) + "\n")
        if not (self.kept / key).exists():
            if self.out.exists():
                shutil.copytree(self.out, self.kept / key, symlinks=True)
            else:
                (self.kept / key).mkdir()
        return key

    def all(self) -> Iterator[tuple[Path, list[str]]]:
        """Every kept folder, and the points that led there."""
        for path in sorted(self.kept.glob("*.points")):
            lines = path.read_text().splitlines()
            yield path.with_suffix(""), [f"{number} {kind}" for number, kind in map(json.loads, lines)]


def sampled(job: Job, most: int, seed: int) -> dict[str, Any]:
    """Disturbs so many points of a job for certain."""
    count, expected = job.undisturbed()
    points = [(number, kind) for number in range(1, count + 1) for kind in KINDS]
    chosen = random.Random(seed).sample(points, min(most, len(points)))
    wrong, slowest = {}, 0.0
    for point in chosen:
        fault, seconds = job.disturb(point)
        slowest = max(slowest, seconds)
        fault = fault or job.again(expected)
        if fault is not None:
            wrong[" ".join(map(str, point))] = fault
    return {"job": job.name, "points": len(points), "tried": len(chosen), "slowest": round(slowest, 2), "wrong": wrong}


def whole(job: Job, kept: Path, seed: int) -> dict[str, Any]:
    """Every point of a job."""
    begun = time.monotonic()
    count, expected = job.undisturbed()
    states = States(job.out, kept)
    wrong = {}
    for kinds in (("killed before", "killed after"), ("killed half way",)):  # a half is flushed, which others are not
        job.reset()
        code, passed, _, said = job.call(Snapshots(job.out, kinds, states.keep))
        assert (code, passed) == (0, count), (code, passed, count, said)
    wrong |= _failures(job, states, count)
    found = list(states.all())
    left = {point: path.name for path, points in found for point in points}
    checked = random.Random(seed).sample(sorted(left), min(CHECKED, len(left)))
    slowest = 0.0
    for name in checked:
        number, kind = name.split(" ", 1)
        fault, seconds = job.disturb((int(number), kind))
        slowest = max(slowest, seconds)
        if fault or _digest(state(job.out)) != left[name]:
            wrong[f"{name}, called"] = fault or "it leaves something else"
    for number, (path, points) in enumerate(found):
        job.reset(path)
        fault = job.again(expected)
        if fault is not None:
            wrong |= dict.fromkeys(points, fault)
        _say(f"{job.name}: {number + 1} of {len(found)} states gone on from, {time.monotonic() - begun:.0f} s")
    return {
        "job": job.name, "points": len(left), "tried": len(left), "states": len(found), "called": len(checked),
        "slowest": round(slowest, 2), "seconds": round(time.monotonic() - begun), "wrong": wrong,
    }  # fmt: skip


def _failures(job: Job, states: States, count: int) -> dict[str, str]:
    """Every failure of a job: what is wrong with how it ended; what it leaves is kept."""
    wrong: dict[str, str] = {}
    known: set[Point] = set()

    def keep(point: Point, code: int | str, said: str) -> None:  # in the child that is the parent of the branches
        if "inherited across fork" in said:
            return  # a lock notices that it is in a child: such a point is called
        states.keep(point)
        with (states.kept / "failures").open("a") as file:
            file.write(json.dumps([point, ended_wrong(point[1], code, said)]) + "\n")

    if job.forks:
        job.reset()
        code, passed, _, said = job.call(Branches(job.out, states.kept / "shadow", keep))
        assert (code, passed) == (0, count), (code, passed, count, said)
        for point, fault in map(json.loads, (states.kept / "failures").read_text().splitlines()):
            known.add(tuple(point))
            if fault is not None:
                wrong[" ".join(map(str, point))] = fault
    for point in [(number, kind) for number in range(1, count + 1) for kind in FAILS]:
        if point not in known:
            fault, _ = job.disturb(point)
            if fault is not None:
                wrong[" ".join(map(str, point))] = fault
            states.keep(point)
            _say(f"{job.name}: {point[0]} of {count} calls failed")
    return wrong


def _digest(files: State) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cambench-faults-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def sweep(name: str, most: str, seed: int) -> dict[str, Any]:
    """So many points of a job, or all."""
    with folder() as work:
        job = Job(name, work)
        if most != "all":
            return sampled(job, int(most), seed)
        (work / "kept").mkdir()
        return whole(job, work / "kept", seed)


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        job, _, count = argument.partition("=")
        print(json.dumps(sweep(job, count, int(sys.argv[1]))), flush=True)
