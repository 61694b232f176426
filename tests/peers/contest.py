"""Several ways to the same result, timed in turn in one process; their results held against each other."""

import contextlib
import gc
import io
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

OURS = "cambench"
FORWARD = "bare forward pass"


@dataclass(frozen=True)
class Entry:
    """A way to the result: `run` gives what `Contest.parity` can compare; `remark` says what differs by definition."""

    name: str
    run: Callable[[], object]
    remark: str = ""


@dataclass(frozen=True)
class Contest:
    """One task. The first entry is ours; `goals` say how many times its time another entry should take at least."""

    title: str
    images: int
    entries: Sequence[Entry]
    parity: Callable[[object, object], str]
    goals: dict[str, float]
    rounds: int = 5


@dataclass(frozen=True)
class Line:
    """A row of the table: the other's time over ours, by the clock and by the processor, and how far results differ."""

    title: str
    name: str
    milliseconds: float
    wall: tuple[float, float, float]
    cpu: tuple[float, float, float]
    parity: str
    goal: float | None


def hold(contest: Contest, log: Callable[[str], None], rounds: int | None = None) -> list[Line]:
    """Runs all entries once to warm up and to compare results, then in rounds, each from another entry on."""
    log(contest.title)
    found: dict[str, object] = {}
    lost: dict[str, str] = {}
    for entry in contest.entries:
        try:
            found[entry.name] = _quiet(entry.run)
        except Exception as error:  # a peer that fails is named with its reason; ours must not
            if entry.name == OURS:
                raise
            log(traceback.format_exc())
            lost[entry.name] = f"failed: {type(error).__name__}: {error}".splitlines()[0]
    running = [entry for entry in contest.entries if entry.name in found]
    wall: dict[str, list[float]] = {entry.name: [] for entry in running}
    cpu: dict[str, list[float]] = {entry.name: [] for entry in running}
    for number in range(rounds or contest.rounds):
        turn = number % len(running)
        for entry in running[turn:] + running[:turn]:
            gc.collect()
            clock, processor = time.perf_counter(), time.process_time()
            _quiet(entry.run)
            cpu[entry.name].append(time.process_time() - processor)
            wall[entry.name].append(time.perf_counter() - clock)
    lines = []
    for entry in running:
        agree = "" if entry.name in (OURS, FORWARD) else contest.parity(found[OURS], found[entry.name])
        line = Line(
            contest.title,
            entry.name,
            1000 * float(np.median(cpu[entry.name])) / contest.images,
            quartiles(wall[entry.name], wall[OURS]),
            quartiles(cpu[entry.name], cpu[OURS]),
            f"{agree}; {entry.remark}" if entry.remark and agree else agree or entry.remark,
            contest.goals.get(entry.name),
        )
        log(f"  {line.name}: {line.milliseconds:.1f} ms, x {line.cpu[1]:.2f}; {line.parity}")
        lines.append(line)
    nothing = (np.nan, np.nan, np.nan)
    return lines + [Line(contest.title, name, np.nan, nothing, nothing, why, None) for name, why in lost.items()]


def quartiles(theirs: Sequence[float], ours: Sequence[float]) -> tuple[float, float, float]:
    """Quartiles over the rounds of theirs / ours, each of one round."""
    low, middle, high = np.quantile(np.array(theirs) / np.array(ours), [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def _quiet(run: Callable[[], object]) -> object:
    """What `run` gives; progress bars and warnings of the peers go nowhere."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return run()


def table(lines: Sequence[Line]) -> str:
    """Markdown. A goal that is met says so, one that is missed too."""
    rows = ["| task | who | ms per image | over ours, clock | over ours, processor | results against ours | goal |"]
    rows.append("|---|---|---|---|---|---|---|")
    for line in lines:
        goal = "" if line.goal is None else f"{line.goal:.2f}: {'met' if line.cpu[1] >= line.goal else 'missed'}"
        spent = "" if np.isnan(line.milliseconds) else f"{line.milliseconds:.1f}"
        ratios = ("", "") if line.name == OURS or not spent else (_said(line.wall), _said(line.cpu))
        rows.append(f"| {line.title} | {line.name} | {spent} | {ratios[0]} | {ratios[1]} | {line.parity} | {goal} |")
    return "\n".join(rows) + "\n"


def _said(ratio: tuple[float, float, float]) -> str:
    return f"{ratio[1]:.2f} ({ratio[0]:.2f} to {ratio[2]:.2f})"


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
