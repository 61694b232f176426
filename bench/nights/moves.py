"""What moved by more than a gate allows: metrics that are worse or better, benchmarks that are slower."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.nights.gates import Gates, QualityGate, SpeedGate
from metrics.statistics.comparison import HEADLINE_FAMILY
from reports.tables.two_runs import ACCURACY

LATELY = 7  # nights, whose median a creep is described by
GATED_ROLES = ("right", "present")  # a map of the absent class has no better direction
TINY = 1e-12  # instead of no tolerance
WORSE, BETTER, MOVED, UNSURE = "worse", "better", "moved", "unsure"
FAILING = (WORSE, MOVED)


@dataclass(frozen=True)
class Move:
    """A metric of a method that moved by more than its tolerance.

    Attributes:
        method: name of the method, or `network`.
        layer: of its maps.
        role: of its maps.
        metric: name.
        kind: worse, better, moved (a metric without a better direction), or unsure: worse or moved by the mean, but
            the interval contains the tolerance.
        before: mean of the images that have a value in both runs.
        after: the same, later.
        times: how many tolerances it moved; infinite where values were lost or are no numbers.
        text: the numbers in words.
        since: night that it is held against, where that is not the last good one.
    """

    method: str
    layer: str
    role: str
    metric: str
    kind: str
    before: float
    after: float
    times: float
    text: str
    since: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Method, layer, role and metric."""
        return self.method, self.layer, self.role, self.metric

    @property
    def line(self) -> str:
        """The move in one line, by the names that the tables use."""
        since = f", since the reference night {self.since}" if self.since else ""
        return f"quality of {' '.join(self.place)}: {self.text}{since}"


def moves_of(changes: pd.DataFrame, gates: Gates, *, sampled: bool = False) -> list[Move]:
    """Every metric that moved by more than its tolerance or lost values, the most important first.

    Of a map of the absent class only metrics without a direction are judged; such a metric may move by as much either
    way.

    Args:
        changes: see `reports.tables.two_runs.quality_changes`.
        gates: the tolerances.
        sampled: the network changed, so that other images might show another difference: it counts where its 95 %
            interval lies beyond the tolerance. The same network gives the same numbers, and there the mean counts; so
            it does where there are too few images for an interval.
    """
    found = []
    for row in changes[changes["role"].isin(GATED_ROLES) | changes["direction"].eq("none")].to_dict("records"):
        move = _move(row, gates.metrics.get(row["metric"], gates.quality), sampled=sampled)
        found += [move] if move else []
    return sorted(found, key=importance)


def importance(move: Move) -> tuple[bool, bool, float]:
    """Headline metrics and the accuracy come first, then what has values, then what moved by the most tolerances."""
    first = (move.metric, move.role) in HEADLINE_FAMILY or move.metric == ACCURACY[-1]
    return not first, math.isinf(move.times), -move.times


def speed_culprits(
    changes: pd.DataFrame, earlier: Mapping[str, Sequence[float]], gate: SpeedGate, fewest: int = 1
) -> list[str]:
    """One line per benchmark whose ratio is above its limit.

    Args:
        changes: see `reports.tables.two_runs.speed_changes`.
        earlier: ratios of the nights since the reference by benchmark, the oldest first.
        gate: the limits.
        fewest: a benchmark with fewer earlier nights passes.
    """
    lines = []
    for name, ratio, error in changes[["benchmark", "ratio_b", "error_b"]].itertuples(index=False):
        past = earlier.get(name, ())
        if len(past) < fewest or not past:
            continue
        limit = gate.limit(past, 0.0 if math.isnan(error) else error)
        if not ratio <= limit:  # nor is a ratio that is no number
            said = f"median {np.median(past[-gate.nights :]):.3f} of {min(len(past), gate.nights)} earlier"
            lines.append(f"speed of {name}: {ratio:.3f} bare forward passes, limit {limit:.3f} ({said})")
        elif len(past) >= gate.fewest and gate.creep(past, ratio) > gate.drift:
            first, last = past[: gate.nights], (*past, ratio)[-LATELY:]
            lines.append(
                f"speed of {name}: {np.median(last):.3f} bare forward passes, median of the last {len(last)} nights; "
                f"{np.median(first):.3f} in the first {len(first)} since the reference: it became slower"
            )
    return lines


def _move(row: Mapping[str, Any], gate: QualityGate, *, sampled: bool) -> Move | None:
    """The move of a row of `quality_changes`, if there is one."""
    before, undefined, lost = row["n_undefined_a"], row["n_undefined_b"], row["n_lost"]
    if lost > gate.undefined:
        other = "" if undefined > before else f", {lost} of them had a value"
        return _made(row, WORSE, math.inf, f"undefined on {undefined} images, was on {before}{other}")
    if not row["n"]:  # undefined before as well, or new
        return None
    difference = row["mean_difference"]
    if not math.isfinite(difference):
        return _made(row, WORSE, math.inf, f"{row['mean_a']:.4f} to {row['mean_b']:.4f}, expected finite means")
    tolerance, either = gate.tolerance(row["mean_a"]), row["direction"] == "none"
    if abs(difference) <= tolerance:
        return None
    kind = MOVED if either else WORSE if (difference < 0) == (row["direction"] == "higher") else BETTER
    known = not math.isnan(row["ci_low"])
    # the end of the interval that is nearer to no change, negative where the interval contains that
    near = row["ci_low"] if difference > 0 else -row["ci_high"]
    if sampled and known and near <= tolerance:
        if kind == BETTER:
            return None
        kind = UNSURE
    interval = f" [{row['ci_low']:+.4f}, {row['ci_high']:+.4f}]" if known else ""
    text = f"{row['mean_a']:.4f} to {row['mean_b']:.4f}, {difference:+.4f}{interval}, tolerance {tolerance:.4f}"
    return _made(row, kind, abs(difference) / max(tolerance, TINY), text + " either way" * either)


def _made(row: Mapping[str, Any], kind: str, times: float, text: str) -> Move:
    method, layer, role, metric = (str(row[name]) for name in ("method", "layer", "role", "metric"))
    return Move(method, layer, role, metric, kind, row["mean_a"], row["mean_b"], times, text)
