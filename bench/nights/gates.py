"""What a night may not do: tolerances for quality, limits for speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import as_integer, as_number, read_toml
from bench.errors import ConfigError
from bench.names import unknown
from metrics import METRICS
from metrics.statistics.changes import MAD_TO_SIGMA

LEAST_NOISE = 0.01  # of a ratio between nights
MOST_SIGMAS = 3.0  # that one night adds: an outlier alone is no creep
MEASURED = ("accuracy", "dispersion_gap", "scatter_gap")  # gated like metrics, although no map alone gives them


@dataclass(frozen=True)
class QualityGate:
    """How much worse a mean may become, absolute or relative to the mean before; how many values may be lost.

    A metric without a better direction may move by as much either way.
    """

    absolute: float | None = None
    relative: float | None = None
    undefined: int = 0

    def tolerance(self, before: float) -> float:
        """In units of the metric."""
        return self.absolute if self.absolute is not None else (self.relative or 0.0) * abs(before)


@dataclass(frozen=True)
class SpeedGate:
    """Limits of a ratio: of one night, and of what adds up over many.

    One night: median + max(relative x median, mads x sigma) of the last nights, sigma = 1.4826 MAD (1 + 4 / n). What
    one night cannot tell is not held against it either: `mads` standard errors of its own median are the least.
    Many nights: a cumulative sum against the first nights since the reference (`drift`), because a limit that moves
    with the nights lets any slow creep pass. Before there are `fewest` nights nobody knows how much they differ, and
    none is judged.
    """

    relative: float = 0.05
    mads: float = 4.0
    nights: int = 20
    fewest: int = 8
    drift: float = 2.25

    def limit(self, earlier: Sequence[float], error: float = 0.0) -> float:
        """The largest ratio that passes.

        Args:
            earlier: ratios of earlier nights, the oldest first.
            error: standard error of this night's ratio.
        """
        recent = np.array(earlier[-self.nights :])
        middle = float(np.median(recent))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(recent - middle))) * (1 + 4 / len(recent))
        return middle + max(self.relative * middle, self.mads * spread, self.mads * error)

    def creep(self, earlier: Sequence[float], ratio: float) -> float:
        """One-sided cumulative sum (Page 1954) of this night and those before it; above `drift` nights became slower.

        S = max(0, S + z - 1), z = (ratio - m) / s, at most 3. m is the median of the first `nights` since the
        reference, s their standard deviation (1 + 2 / n), at least 1 % of m; the sum begins after `fewest`.

        Args:
            earlier: ratios since the reference, the oldest first, at least two.
            ratio: of this night.
        """
        first = np.array(earlier[: self.nights])
        middle = float(np.median(first))
        spread = max(float(first.std(ddof=1)) * (1 + 2 / len(first)), LEAST_NOISE * middle)
        total = 0.0
        for value in (*earlier[self.fewest :], ratio):
            total = max(0.0, total + min(MOST_SIGMAS, (value - middle) / spread) - 1)
        return total


@dataclass(frozen=True)
class Gates:
    """One gate for every metric that is not named, gates of named ones, and the one of speed."""

    quality: QualityGate = QualityGate(absolute=0.002)
    metrics: Mapping[str, QualityGate] = field(default_factory=dict)
    speed: SpeedGate = SpeedGate()


def load_gates(path: Path) -> Gates:
    """Gates from TOML: a table `quality`, with a table inside for every metric that differs, and a table `speed`.

    Raises:
        ConfigError: unreadable file, unknown key or metric, or a number that is no tolerance.
    """
    content = read_toml(path, "gates file")
    for key in content:
        if key not in ("quality", "speed"):
            raise ConfigError(unknown(f"key in {path}:", key, ("quality", "speed")))
        if not isinstance(content[key], dict):
            raise ConfigError(f"{key} in '{path}' is {content[key]!r}, expected a table")
    quality = content.get("quality", {})
    named = {key: value for key, value in quality.items() if isinstance(value, dict)}
    for name in named:
        if name not in METRICS and name not in MEASURED and ":" not in name:
            raise ConfigError(unknown(f"metric in {path}:", name, [*METRICS, *MEASURED]))
    plain = {key: value for key, value in quality.items() if key not in named}
    return Gates(
        quality=_quality(path, plain) if plain else Gates.quality,
        metrics={name: _quality(path, table) for name, table in named.items()},
        speed=SpeedGate(**_numbers(path, content.get("speed", {}), SpeedGate, ("nights", "fewest"))),
    )


def _quality(path: Path, table: Mapping[str, Any]) -> QualityGate:
    values = _numbers(path, table, QualityGate, ("undefined",))
    if ("absolute" in values) == ("relative" in values):
        raise ConfigError(f"a quality gate in '{path}' gives both or neither of absolute and relative; expected one")
    return QualityGate(**values)


def _numbers(path: Path, table: Mapping[str, Any], kind: type, whole: Sequence[str]) -> dict[str, Any]:
    """The table's values, checked against the fields of `kind`."""
    known = [f.name for f in fields(kind)]
    values = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(unknown(f"key in {path}:", key, known))
        try:
            values[key] = as_integer(0 if key == "undefined" else 1)(value) if key in whole else as_number(value)
        except ValueError as error:
            raise ConfigError(f"{key} in '{path}' is {value!r}, {error}") from error
    return values
