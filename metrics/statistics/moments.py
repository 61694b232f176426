"""How sure a mean over images is, in closed form: Student's t and the same corrected for skewness.

The mean of n skewed values is not as far from the truth on one side as on the other, and a t-test of it rejects too
often. Hall's cubic transform takes that out, which is what the bootstrap-t does by resampling; in closed form it
reaches the far tails that a correction for many tests needs. The limits are the wider of both on each side, the
p-value is the larger of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import special

ONE_SIDED = 2 / 3  # share of the images that may lie on one side of the mean (skewness 2 does that)
FEWEST = 8  # images below which there is no interval: from here on (2 / 3)^n < 0.05
CAUTION = 200.0  # skewness counts 1 + CAUTION / n^2 times: few images show too little of it (docs/calibration.md)
FLAT = 1e-9  # a skewness below which there is none, and a spread, of the largest value, that is rounding

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """What is known of m weighted sums of means, each array (m,).

    Attributes:
        n: values.
        decisive: those that decide the mean: all, or where more than half are equal those that are not.
        mean: sum over groups of weight x mean.
        error: standard error of the mean; 0 where the values of every group are equal.
        skew: third moment of the mean over the third power of its error (skewness / sqrt n for one group).
        freedom: degrees of freedom (Welch and Satterthwaite), n - 1 for one group; no more than decisive - 1.
        told: whether there is an interval: two values in every group, not all of them equal.
    """

    n: Array
    decisive: Array
    mean: Array
    error: Array
    skew: Array
    freedom: Array
    told: NDArray[np.bool_]

    def column(self, place: int) -> "Moments":
        """Those of one of the m."""
        return Moments(*(getattr(self, field.name)[place : place + 1] for field in fields(self)))


def moments(groups: Sequence[Array], weights: Sequence[float]) -> Moments:
    """Moments of sum over groups of weight x mean.

    Args:
        groups: values of m statistics on the n_g images of each group, (n_g, m); NaN is left out.
        weights: one per group.
    """
    n, mean, variance, third, dof, apart = (np.zeros(groups[0].shape[1]) for _ in range(6))
    enough, tied = np.ones(len(mean), dtype=bool), np.ones(len(mean), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for weight, group in zip(weights, groups, strict=True):
            defined = ~np.isnan(group)
            count = defined.sum(axis=0)
            own = np.where(defined, group, 0.0).sum(axis=0) / count
            from_mean = np.where(defined, group - own, 0.0)
            from_mean[np.abs(from_mean) <= FLAT * np.abs(own)] = 0.0
            squares = (from_mean**2).sum(axis=0)
            part = weight**2 * squares / (count * (count - 1))
            cubes = (from_mean**3).sum(axis=0) / (count * (count - 1) * np.maximum(count - 2, 1))  # unbiased
            third += weight**3 * cubes
            n, mean, variance, dof = n + count, mean + weight * own, variance + part, dof + part**2 / (count - 1)
            differ = _differ(group, defined, count)
            apart, tied, enough = apart + differ, tied & (2 * differ < count), enough & (count >= 2)
        error, freedom = np.sqrt(variance), np.where(variance > 0, variance**2 / dof, n - len(groups))
        skew = np.where(variance > 0, third / variance**1.5, 0.0)
    decisive = np.where(tied, apart, n)
    told = enough & (variance > 0)
    return Moments(n, decisive, mean, error, skew, np.maximum(np.minimum(freedom, decisive - 1), 1), told)


def limits(found: Moments, alpha: float) -> tuple[Array, Array]:
    """Low and high of the mean at the level 1 - alpha, each (m,).

    Per side the wider one of Student's t and Hall's (1992) transform of it with the same quantile. NaN where `told` is
    false, and where so few values decide that all may lie on one side of the mean by chance: (2 / 3)^decisive >= alpha,
    fewer than 8 at 95 %, fewer than 13 for 8 intervals at once.
    """
    shown = found.told & (ONE_SIDED**found.decisive < alpha)
    quantile = np.asarray(special.stdtrit(found.freedom, 1 - alpha / 2), dtype=np.float64)
    upper, lower = (_untransformed(sign * quantile, _cautious(found)) for sign in (1, -1))
    low = found.mean - found.error * np.maximum(quantile, upper)
    high = found.mean - found.error * np.minimum(-quantile, lower)
    return np.where(shown, low, np.nan), np.where(shown, high, np.nan)


def mean_p(found: Moments) -> Array:
    """Two-sided p that the mean is 0, (m,): Hall's transform of t, looked up in Student's distribution."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(found.mean == 0, 0.0, found.mean / found.error)
    p = 2 * special.stdtr(found.freedom, -np.abs(_transformed(t, _cautious(found))))
    return np.where(found.n > 1, np.minimum(p, 1.0), 1.0)


def hit_limits(hits: Array, n: Array, alpha: float) -> tuple[Array, Array]:
    """Wilson's (1927) limits of a share of hits at the level 1 - alpha; NaN for fewer than 8 images."""
    z, share = special.ndtri(1 - alpha / 2), hits / np.maximum(n, 1)
    middle = (share + z**2 / (2 * np.maximum(n, 1))) / (1 + z**2 / np.maximum(n, 1))
    spread = z * np.sqrt(share * (1 - share) / np.maximum(n, 1) + (z / (2 * np.maximum(n, 1))) ** 2)
    spread = spread / (1 + z**2 / np.maximum(n, 1))
    few = n < FEWEST
    return np.where(few, np.nan, middle - spread), np.where(few, np.nan, middle + spread)


def paired_hit_limits(first: Array, second: Array, n: Array, alpha: float) -> tuple[Array, Array]:
    """Limits of the difference of two shares of hits on the same images: Agresti and Min (2005), half an image a cell.

    Args:
        first: images that only the first one hits.
        second: images that only the second one hits.
        n: all images.
        alpha: 1 - level.

    Returns:
        Low and high in [-1, 1]; NaN for fewer than 8 images.
    """
    total, z = n + 2, special.ndtri(1 - alpha / 2)
    middle = (first - second) / total
    spread = z * np.sqrt((first + second + 1 - (first - second) ** 2 / total) / total**2)
    few = n < FEWEST
    return np.where(few, np.nan, np.maximum(middle - spread, -1)), np.where(few, np.nan, np.minimum(middle + spread, 1))


def _cautious(found: Moments) -> Array:
    return found.skew * (1 + CAUTION / np.maximum(found.decisive, 1) ** 2)


def _transformed(t: Array, skew: Array) -> Array:
    """Hall's transform of t, ((1 + skew t / 3)^3 - 1) / skew + skew / 6, flat beyond its turn."""
    flat = np.abs(skew) < FLAT
    safe = np.where(flat, 1.0, skew)
    with np.errstate(invalid="ignore", over="ignore"):
        bent = (np.maximum(1 + safe * t / 3, 0.0) ** 3 - 1) / safe + safe / 6
    return np.where(flat, t, bent)


def _untransformed(value: Array, skew: Array) -> Array:
    """The t that has this transform, which here goes on beyond its turn."""
    flat = np.abs(skew) < FLAT
    safe = np.where(flat, 1.0, skew)
    bent = 3 / safe * (np.cbrt(1 + safe * (value - safe / 6)) - 1)
    return np.where(flat, value, bent)


def _differ(group: Array, defined: NDArray[np.bool_], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the values are not the (lower) median of their column."""
    ordered = np.sort(group, axis=0)  # NaN last
    if not len(ordered):
        return count
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)
    return (defined & (group != middle)).sum(axis=0)
