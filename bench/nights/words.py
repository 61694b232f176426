"""A comparison in words: what changed around the numbers, how many moved, and which moved most."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.nights.moves import BETTER, MOVED, UNSURE, WORSE, Move
from reports import Run
from reports.tables.two_runs import CODE, MACHINE, MODEL, untold

NAMED = 2  # fields of a machine that a line names


def cause(first: Run, second: Run, changed: pd.DataFrame) -> str:
    """What changed between two runs, in a few words: weights A -> B; the code; the machine; or nothing."""
    unknown = untold(first, second)
    told = changed[~(changed["a"].eq("None") | changed["b"].eq("None"))] if unknown else changed
    said = [part for what in (MODEL, CODE, MACHINE) if (part := _cause(what, first, second, told))]
    said += [f"not recorded by both runs, so unknown: {', '.join(unknown)}"] if unknown else []
    return ", ".join(said) or "nothing else changed"


def changes_in_words(first: Run, second: Run, changed: pd.DataFrame) -> list[str]:
    """A line per field that is not as it was; of a hash nothing but that it is another one."""
    lines = [] if len(changed) else [cause(first, second, changed)]
    for row in changed.itertuples():
        if "None" not in (row.a, row.b) and row.field in ("weights sha256", "source"):
            lines.append(_model(first, second, changed) if row.what == MODEL else "code: its source is another one")
        else:
            lines.append(f"{row.what}: {row.field} was {row.a}, is {row.b}")
    return lines


def counts(moves: Sequence[Move], slower: int = 0) -> str:
    """38 worse, 26 better, 12 moved (they have no better direction), 1 slower; or that nothing moved."""
    number_of = Counter(move.kind for move in moves)
    said = [f"{number_of[kind]} {kind}" for kind in (WORSE, BETTER, MOVED) if kind != MOVED or number_of[kind]]
    said += [f"{slower} slower"] if slower else []
    if not slower and not any(number_of[kind] for kind in (WORSE, BETTER, MOVED)):
        return "nothing moved by more than its tolerance"
    return ", ".join(said)


def headline(moves: Sequence[Move], slower: Sequence[str], run: Run) -> str:
    """Counts, and the move that a reader should see first: the worst one, or of gains alone the best one."""
    said = counts(moves, len(slower))
    for kind, word in ((WORSE, "worst"), (MOVED, "most"), (BETTER, "best")):
        if kind == BETTER and slower:
            break
        if own := [move for move in moves if move.kind == kind]:
            return f"{said}; {word}: {told(own[0], run)}"
    return f"{said}; worst: {slower[0].removeprefix('speed of ')}" if slower else said


def told(move: Move, run: Run) -> str:
    """SRG (probability) of Grad-CAM 0.312 -> 0.124, by titles."""
    where = f" at {move.layer}" if len(run.layers) > 1 and move.layer in run.layers else ""
    of = {"wrong": ", wrong-class maps", "present": ", images of several classes"}.get(move.role, "")
    name = "the network" if move.method == "network" else run.title(move.method)
    values = move.text if math.isinf(move.times) else _numbers(move.before, move.after)
    since = f" since the reference night {move.since}" if move.since else ""
    return f"{run.title(move.metric)} of {name}{where}{of} {values}{since}"


def details(moves: Sequence[Move], slower: Sequence[str], run: Run, most: int = 4) -> list[str]:
    """At most so many lines: the worst, the slowest, the best gain, and what is not sure."""
    kinds = {kind: [move for move in moves if move.kind == kind] for kind in (WORSE, MOVED, BETTER, UNSURE)}
    last = []
    if gains := kinds[BETTER]:
        more = f", and {len(gains) - 1} more" if len(gains) > 1 else ""
        last.append(f"better: {told(gains[0], run)}{more}")
    if unsure := kinds[UNSURE]:
        last.append(
            f"not sure: {len(unsure)} moved by more than their tolerance, but their 95 % intervals contain it; "
            f"first {told(unsure[0], run)}"
        )
    slow = [f"slower: {slower[0].removeprefix('speed of ')}"] if slower else []
    failing = [f"{move.kind}: {told(move, run)}{_how(move)}" for move in (*kinds[WORSE], *kinds[MOVED])]
    return [*failing[: most - len(slow) - len(last)], *slow, *last]


def _how(move: Move) -> str:
    """The difference, its interval and the tolerance in brackets; nothing where values were lost."""
    return "" if math.isinf(move.times) else f" ({move.text.partition(', ')[2]})"


def _numbers(before: float, after: float) -> str:
    """0.312 -> 0.124, with so many digits that they differ."""
    short, long = ((f"{before:.{digits}f}", f"{after:.{digits}f}") for digits in (3, 5))
    return " -> ".join(short if short[0] != short[1] else long)


def _cause(what: str, first: Run, second: Run, changed: pd.DataFrame) -> str:
    rows = changed[changed["what"].eq(what)]
    if rows.empty:
        return ""
    if what == MODEL:
        return _model(first, second, rows)
    if what == CODE:
        before, after = (_revision(run.manifest) for run in (first, second))
        return f"code {before} -> {after}" if before and after and before != after else "the code changed"
    named = ", ".join(f"{row.field} {row.a} -> {row.b}" for row in rows.head(NAMED).itertuples())
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"machine: {named}{more}"


def _model(first: Run, second: Run, rows: pd.DataFrame) -> str:
    names = [str(run.manifest["checkpoint"]["name"]) for run in (first, second)]
    if names[0] != names[1]:
        return f"weights {names[0]} -> {names[1]}"
    if rows["field"].eq("weights sha256").any():
        return f"weights {names[0]}: the same name, but another content"
    architectures = (run.manifest["checkpoint"]["arch"] for run in (first, second))
    return "architecture {} -> {}".format(*architectures)


def _revision(manifest: dict[str, Any]) -> str:
    git = manifest.get("git") or {}
    return str(git.get("revision") or "")[:7] + (" with changes" if git.get("dirty") else "")
