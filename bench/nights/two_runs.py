"""`cambench compare`: what changed between two runs of the same job, and whether a gate fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.nights.gates import Gates
from bench.nights.moves import FAILING, Move, moves_of, speed_culprits
from bench.nights.words import cause, changes_in_words, details, headline
from metrics.statistics.comparison import HEADLINE_FAMILY
from reports import Run
from reports.files import aligned
from reports.numbers import interval_text, number
from reports.plain import visible
from reports.tables.two_runs import ACCURACY, MODEL, check_comparable, quality_changes, speed_changes, surroundings

HEAD = ["metric", "role", "method", "n", "before", "after", "difference [95 % interval]"]
ROWS = 12  # of the headline table in a terminal


@dataclass(frozen=True)
class Comparison:
    """Two comparable runs, the earlier one first.

    Attributes:
        quality: see `reports.tables.two_runs.quality_changes`.
        speed: see `reports.tables.two_runs.speed_changes`.
        changed: what else is not as it was, see `reports.tables.two_runs.surroundings`.
        moves: metrics that moved by more than their tolerance, the most important first.
        speed_culprits: gates of speed that failed, one line each.
    """

    first: Run
    second: Run
    quality: pd.DataFrame
    speed: pd.DataFrame
    changed: pd.DataFrame
    moves: tuple[Move, ...]
    speed_culprits: tuple[str, ...]

    @property
    def quality_culprits(self) -> list[str]:
        """Gates of quality that failed, one line each, the most important first."""
        return [move.line for move in self.moves if move.kind in FAILING]

    @property
    def culprits(self) -> list[str]:
        """All gates that failed, one line each."""
        return [*self.quality_culprits, *self.speed_culprits]

    @property
    def new(self) -> list[str]:
        """Methods, layers and metrics that only the second run has, so that nothing is known of them."""
        return [
            f"{what}: {', '.join(more)} new, nothing to compare with"
            for what in ("methods", "layers", "metrics")
            if (more := [name for name in self.second.manifest[what] if name not in self.first.manifest[what]])
        ]

    def confirming(self, earlier: "Comparison") -> "Comparison":
        """Of its culprits of speed those that an earlier timing named too."""
        named = {line.partition(":")[0] for line in earlier.speed_culprits}
        both = tuple(line for line in self.speed_culprits if line.partition(":")[0] in named)
        return replace(self, speed_culprits=both)

    @property
    def headline(self) -> str:
        """The verdict in one line: failed or passed, what changed, how many moved, which one most."""
        around = cause(self.first, self.second, self.changed)
        state = "FAILED" if self.culprits else "passed"
        return visible(f"{state}: {around}; {headline(self.moves, self.speed_culprits, self.second)}")

    @property
    def details(self) -> list[str]:
        """At most four lines more: the worst, the slowest, the best gain, what is not sure."""
        return [visible(line) for line in details(self.moves, self.speed_culprits, self.second)]

    def table(self, most: int | None = None) -> pd.DataFrame:
        """The headline metrics at the first layer and the accuracy as text, those that moved most first."""
        layer, metrics = self.second.layers[0], [metric for metric, _ in HEADLINE_FAMILY]
        accuracy = self.quality["metric"].eq(ACCURACY[-1])
        shown = self.quality[self.quality["metric"].isin(metrics) & self.quality["layer"].eq(layer) | accuracy]
        shown = shown[shown["role"] != "wrong"]
        order = (-shown["mean_difference"].abs().fillna(-1.0)).argsort(kind="stable")
        rows = []
        for row in shown.iloc[order].head(most).to_dict("records"):
            means = [number(row[name]) for name in ("mean_a", "mean_b")]
            change = interval_text(row["mean_difference"], row["ci_low"], row["ci_high"])
            rows.append((row["metric"], row["role"], row["method"], str(row["n"]), *means, change))
        return pd.DataFrame(rows, columns=HEAD, dtype=str)

    def lines(self, most: int | None = ROWS) -> list[str]:
        """Headline metrics, speed and surroundings as text; of more rows than `most` how many there are."""
        every = self.table()
        lines = aligned([tuple(HEAD), *self.table(most).itertuples(index=False, name=None)]).splitlines()
        if most is not None and len(every) > most:
            lines.append(f"and {len(every) - most} more that moved less: --table all")
        if len(self.speed):
            cells: list[tuple[str, ...]] = [("time / bare forward pass", "before", "after", "change")]
            for row in self.speed.to_dict("records"):
                numbers = [f"{row['ratio_a']:.3f}", f"{row['ratio_b']:.3f}", f"{row['relative_change']:+.1%}"]
                cells.append((row["benchmark"], *numbers))
            lines += ["", *aligned(cells).splitlines()]
        return [*lines, "", *changes_in_words(self.first, self.second, self.changed), *self.new]


def compare(
    first: Path,
    second: Path,
    gates: Gates,
    earlier: Mapping[str, Sequence[float]] | None = None,
    *,
    whole: bool = False,
) -> Comparison:
    """Pairs two runs by image and applies the gates to the second one.

    Args:
        first: the earlier run.
        second: the later one.
        gates: tolerances and limits.
        earlier: ratios of earlier nights by benchmark, the oldest first, of which the gate says how many it needs; None
            takes those of the first run alone.
        whole: refuse a second run that was not asked for all of the first one's methods, layers and metrics.

    Raises:
        ReportError: no runs; `reports.tables.two_runs.IncomparableError`: runs of other images or protocols.
    """
    a, b = Run(first), Run(second)
    check_comparable(a, b, whole=whole)
    quality, speed, changed = quality_changes(a, b), speed_changes(a, b), surroundings(a, b)
    past, fewest = earlier, gates.speed.fewest
    if past is None:
        past, fewest = dict(zip(speed["benchmark"], ([ratio] for ratio in speed["ratio_a"]), strict=True)), 1
    return Comparison(
        first=a,
        second=b,
        quality=quality,
        speed=speed,
        changed=changed,
        moves=tuple(moves_of(quality, gates, sampled=bool(changed["what"].eq(MODEL).any()))),
        speed_culprits=tuple(speed_culprits(speed, past, gates.speed, fewest)),
    )
