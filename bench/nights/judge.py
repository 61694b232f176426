"""Which night a new one is held against, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.nights.gates import Gates
from bench.nights.moves import FAILING, importance
from bench.nights.two_runs import Comparison, compare
from reports.runs.nights import DAMAGE, NAME, Night, nights, was_finished, why
from reports.tables.two_runs import IncomparableError


@dataclass(frozen=True)
class Judged:
    """What the nights before say of a new one.

    Attributes:
        note: what it was compared with, or why with nothing.
        found: the comparison with the last good night that allows one.
        differs: why none does, one text each; empty where there is no good night at all.
        ratios: of the nights before, see `past_ratios`.
        left_out: a line for every night that could not be read.
    """

    note: str
    found: Comparison | None
    differs: tuple[str, ...]
    ratios: dict[str, list[float]]
    left_out: tuple[str, ...]


def judge(folder: Path, gates: Gates) -> Judged:
    """Compares a night with the last good one that allows it, from the night on that was accepted last, and with that.

    Nights that were damaged are left out, and those before them serve. Where nights were finished and none of them can
    be compared with, the new one is not comparable: it is no beginning.
    """
    left_out: list[str] = []
    every = [night for night in nights(folder.parent, left_out.append) if night.folder != folder]
    since = _since_reference(every)
    ratios = past_ratios(since)
    differs: tuple[str, ...] = ()
    for night in reversed([night for night in since if night.good]):
        try:
            found = compare(night.folder, folder, gates, ratios, whole=True)
        except IncomparableError as error:
            differs = differs or (f"against night {night.name}, {error.reasons[0]}", *error.reasons[1:])
        except DAMAGE as error:
            left_out.append(f"night {night.name} is left out: {why(error)}")
        else:
            found = _since_the_reference(found, since, folder, gates, left_out)
            note = "; ".join([f"compared with night {night.name}", *found.new])
            return Judged(note, found, (), ratios, tuple(left_out))
    if not differs and left_out and _lost(folder, every):
        differs = tuple(left_out)
    note = "not compared with any night" if differs else "nothing to compare with: no good night before this one"
    return Judged(note, None, differs, ratios, tuple(left_out))


def _since_the_reference(
    found: Comparison, since: Sequence[Night], folder: Path, gates: Gates, left_out: list[str]
) -> Comparison:
    """With what is worse than in the first good night since the reference: from night to night each step may pass."""
    first = next(night for night in since if night.good)
    if first.folder == found.first.folder:
        return found
    try:
        older = compare(first.folder, folder, gates, {}, whole=True)
    except IncomparableError:  # a night between them became comparable with both
        return found
    except DAMAGE as error:
        left_out.append(f"night {first.name} is left out: {why(error)}")
        return found
    failed = {move.place for move in found.moves if move.kind in FAILING}
    crept = [m for m in older.moves if m.kind in FAILING and m.place not in failed]
    kept = [move for move in found.moves if move.place not in {m.place for m in crept}]
    every = sorted([*kept, *(replace(move, since=first.name) for move in crept)], key=importance)
    return replace(found, moves=tuple(every))


def past_ratios(earlier: Sequence[Night]) -> dict[str, list[float]]:
    """Ratios of the nights by benchmark, the oldest first.

    Every night counts, whatever was said of it: a past of nights that passed would be faster than nights are.
    """
    past: dict[str, list[float]] = {}
    for night in earlier:
        for name, ratio in night.ratios.items():
            past.setdefault(name, []).append(ratio)
    return past


def _since_reference(every: Sequence[Night]) -> list[Night]:
    """From the night on that was accepted last; all where none was."""
    accepted = [place for place, night in enumerate(every) if night.accepted]
    last = max(accepted, key=lambda place: (str((every[place].accepted or {}).get("accepted")), place), default=0)
    return list(every[last:])


def _lost(folder: Path, every: Sequence[Night]) -> bool:
    """Whether a night before this one may have been good, but cannot be read."""
    known = {night.folder for night in every if not night.good} | {folder}
    return any(
        NAME.fullmatch(path.name) and path not in known and was_finished(path) for path in folder.parent.iterdir()
    )
