"""`cambench compare`: what changed between two runs of the same job, and whether a gate fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.gates import Gates, quality_culprits, speed_culprits
from metrics.comparison import HEADLINE_FAMILY
from reports import Run
from reports.compare import check_comparable, quality_changes, speed_changes, surroundings
from reports.files import aligned, write_table
from reports.style import interval_text, number

MEANINGS = {"model": "the model changed", "code": "the code changed", "machine": "the machine changed"}


@dataclass(frozen=True)
class Comparison:
    """Two comparable runs, the earlier one first.

    Attributes:
        quality: see `reports.compare.quality_changes`.
        speed: see `reports.compare.speed_changes`.
        changed: what else is not as it was, see `reports.compare.surroundings`.
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
        return ", ".join(MEANINGS[what] for what in self.changed["what"].unique()) or "nothing else changed"

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
        shown = self.quality[self.quality["metric"].isin(headline) & self.quality["layer"].eq(layer)]
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
        return [*lines, self.suspects]

    def write(self, out: Path) -> None:
        """compare_quality, compare_speed and compare_changed as CSV, Markdown and LaTeX."""
        for name, table in (("quality", self.quality), ("speed", self.speed), ("changed", self.changed)):
            write_table(out, f"compare_{name}", table)


def compare(
    first: Path, second: Path, gates: Gates, earlier: Mapping[str, Sequence[float]] | None = None
) -> Comparison:
    """Pairs two runs by image and applies the gates to the second one.

    Args:
        first: the earlier run.
        second: the later one.
        gates: tolerances and limits.
        earlier: ratios of earlier nights by benchmark, the oldest first; None takes those of the first run alone.

    Raises:
        ReportError: no runs, or runs of other images or protocols.
    """
    a, b = Run(first), Run(second)
    check_comparable(a, b)
    quality, speed = quality_changes(a, b), speed_changes(a, b)
    past = dict(zip(speed["benchmark"], ([ratio] for ratio in speed["ratio_a"]), strict=True))
    return Comparison(
        first=a,
        second=b,
        quality=quality,
        speed=speed,
        changed=surroundings(a, b),
        quality_culprits=tuple(quality_culprits(quality, gates)),
        speed_culprits=tuple(speed_culprits(speed, past if earlier is None else earlier, gates.speed)),
    )
