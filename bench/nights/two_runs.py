"""`cambench compare`: what changed between two runs of the same job, and whether a gate fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.nights.gates import Gates, quality_culprits, speed_culprits
from metrics.statistics.comparison import HEADLINE_FAMILY
from reports import Run
from reports.files import aligned, write_table
from reports.numbers import interval_text, number
from reports.tables.two_runs import ACCURACY, check_comparable, quality_changes, speed_changes, surroundings, untold

MEANINGS = {"model": "the model changed", "code": "the code changed", "machine": "the machine changed"}


@dataclass(frozen=True)
class Comparison:
    """Two comparable runs, the earlier one first.

    Attributes:
        quality: see `reports.tables.two_runs.quality_changes`.
        speed: see `reports.tables.two_runs.speed_changes`.
        changed: what else is not as it was, see `reports.tables.two_runs.surroundings`.
        quality_culprits: gates of quality that failed, one line each.
        speed_culprits: the same of speed.
    """

    first: Run
    second: Run
    quality: pd.DataFrame
    speed: pd.DataFrame
    changed: pd.DataFrame
    quality_culprits: tuple[str, ...]
    speed_culprits: tuple[str, ...]

    @property
    def suspects(self) -> str:
        """What may be behind a regression: the model changed, the code changed, the machine changed, or nothing did."""
        said = [MEANINGS[what] for what in self.changed["what"].unique()]
        unknown = untold(self.first, self.second)
        said += [f"not recorded by both runs, so unknown: {', '.join(unknown)}"] if unknown else []
        return ", ".join(said) or "nothing else changed"

    @property
    def new(self) -> list[str]:
        """Methods, layers and metrics that only the second run has, so that nothing is known of them."""
        return [
            f"{what}: {', '.join(more)} new, nothing to compare with"
            for what in ("methods", "layers", "metrics")
            if (more := [name for name in self.second.manifest[what] if name not in self.first.manifest[what]])
        ]

    @property
    def culprits(self) -> list[str]:
        """All gates that failed, each with what else changed."""
        return [f"{line} [{self.suspects}]" for line in (*self.quality_culprits, *self.speed_culprits)]

    def confirming(self, earlier: "Comparison") -> "Comparison":
        """Of its culprits of speed those that an earlier timing named too."""
        named = {line.partition(":")[0] for line in earlier.speed_culprits}
        both = tuple(line for line in self.speed_culprits if line.partition(":")[0] in named)
        return replace(self, speed_culprits=both)

    def lines(self) -> list[str]:
        """Headline metrics, speed and surroundings as text."""
        layer, headline = self.second.layers[0], [metric for metric, _ in HEADLINE_FAMILY]
        cells: list[tuple[str, ...]] = [
            ("metric", "role", "method", "n", "before", "after", "difference [95 % interval]")
        ]
        accuracy = self.quality["metric"].eq(ACCURACY[-1])
        shown = self.quality[self.quality["metric"].isin(headline) & self.quality["layer"].eq(layer) | accuracy]
        for row in shown[shown["role"] != "wrong"].to_dict("records"):
            means = [number(row[name]) for name in ("mean_a", "mean_b")]
            change = interval_text(row["mean_difference"], row["ci_low"], row["ci_high"])
            cells.append((row["metric"], row["role"], row["method"], str(row["n"]), *means, change))
        lines = aligned(cells).splitlines()
        if len(self.speed):
            cells = [("time / bare forward pass", "before", "after", "change")]
            for row in self.speed.to_dict("records"):
                numbers = [f"{row['ratio_a']:.3f}", f"{row['ratio_b']:.3f}", f"{row['relative_change']:+.1%}"]
                cells.append((row["benchmark"], *numbers))
            lines += ["", *aligned(cells).splitlines()]
        lines += ["", *(f"{row.what}: {row.field} was {row.a}, is {row.b}" for row in self.changed.itertuples())]
        return [*lines, *self.new, self.suspects]

    def write(self, out: Path) -> None:
        """compare_quality, compare_speed and compare_changed as CSV, Markdown and LaTeX."""
        for name, table in (("quality", self.quality), ("speed", self.speed), ("changed", self.changed)):
            write_table(out, f"compare_{name}", table)


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
    quality, speed = quality_changes(a, b), speed_changes(a, b)
    past, fewest = earlier, gates.speed.fewest
    if past is None:
        past, fewest = dict(zip(speed["benchmark"], ([ratio] for ratio in speed["ratio_a"]), strict=True)), 1
    return Comparison(
        first=a,
        second=b,
        quality=quality,
        speed=speed,
        changed=surroundings(a, b),
        quality_culprits=tuple(quality_culprits(quality, gates)),
        speed_culprits=tuple(speed_culprits(speed, past, gates.speed, fewest)),
    )
