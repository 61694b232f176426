"""BCa intervals of means over images, in memory that does not grow with the square of their number.

How often each resample takes each image is counted once for a number of images and a seed, a byte each; every mean is
then a product with these counts. Limits equal those of `scipy.stats.bootstrap` on the same draws, whose jackknife
builds an n x n array where the jackknife of a mean has a closed form.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

RESAMPLES = 2000
CONFIDENCE = 0.95
BLOCK = 1 << 22  # numbers at a time
DRAWN = 1 << 20  # draws at a time, of eight bytes and several times over
TIED = 1e-12  # of the largest value: a resample of every image once equals the value but for rounding
LARGEST = 255  # a count; more images than that in one place is 40 standard deviations away

Array = NDArray[np.float64]


def bca_limits(groups: Sequence[Array], weights: Sequence[float], seed: int) -> tuple[Array, Array]:
    """95 % BCa bootstrap limits (Efron 1987) of sum over groups of weight x mean, resampling within the groups.

    Args:
        groups: values of the m statistics on the n_g images of each group, (n_g, m), all defined, n_g at least 2.
        weights: one per group.
        seed: of the resampling.

    Returns:
        Low and high, each (m,). Percentile limits where BCa is undefined: where leaving any one image out changes
        nothing, or no resample lies on one side of the value.
    """
    counts = resamples(tuple(map(len, groups)), seed)
    point = np.asarray(sum(w * g.mean(axis=0) for w, g in zip(weights, groups, strict=True)))
    means = np.asarray(sum(w * _means(c, g) for w, c, g in zip(weights, counts, groups, strict=True)))  # (R, m)
    means.sort(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.asarray(sum(abs(w) * np.abs(g).max(axis=0) for w, g in zip(weights, groups, strict=True)))
        bias = special.ndtri(_share_below(means, point, TIED * size))
        acceleration = _acceleration(groups, weights)
        tail = special.ndtri((1 - CONFIDENCE) / 2)
        places = [special.ndtr(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (tail, -tail)]
    adjusted = [np.isfinite(place) for place in places]
    usable = adjusted[0] & adjusted[1]
    low, high = (
        _quantiles(means, np.where(usable, place, share))
        for place, share in zip(places, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2), strict=True)
    )
    return low, high


def _share_below(means: Array, point: Array, apart: Array) -> Array:
    """Share of the resamples (R, m) below the value (m,); those that equal it, but for rounding, count half."""
    below, not_above = (means < point - apart).sum(axis=0), (means <= point + apart).sum(axis=0)
    return np.asarray((below + not_above) / (2 * len(means)))


def _acceleration(groups: Sequence[Array], weights: Sequence[float]) -> Array:
    """Skewness of the jackknife over 6: leaving image i out of n moves a mean by (mean - x_i) / (n - 1)."""
    cubes, squares = 0.0, 0.0
    for weight, group in zip(weights, groups, strict=True):
        influence = weight * (group - group.mean(axis=0))
        cubes = cubes + (influence**3).sum(axis=0) / len(group) ** 3
        squares = squares + (influence**2).sum(axis=0) / len(group) ** 2
    return np.asarray(cubes / (6 * squares**1.5))


def _quantiles(ordered: Array, shares: Array) -> Array:
    """Linear quantile of each column of (R, m) at its own share, (m,)."""
    place = shares * (len(ordered) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    columns = np.arange(ordered.shape[1])
    first, second = ordered[below, columns], ordered[above, columns]
    return np.asarray(first + (second - first) * (place - below))


def _means(counts: NDArray[np.uint8], values: Array) -> Array:
    """Mean of every resample, (R, n) counts and (n, m) values to (R, m)."""
    return np.concatenate([block @ values for block in _blocks(counts)]) / len(values)


def _blocks(counts: NDArray[np.uint8]) -> Iterator[Array]:
    rows = max(1, BLOCK // max(counts.shape[1], 1))
    for start in range(0, len(counts), rows):
        yield counts[start : start + rows].astype(np.float64)


@lru_cache(maxsize=2)
def resamples(sizes: tuple[int, ...], seed: int) -> tuple[NDArray[np.uint8], ...]:
    """How often each resample takes each image, per group (R, n_g); the draws are those of SciPy's bootstrap."""
    random = np.random.default_rng(seed)
    return tuple(_counted(random, size) for size in sizes)


def _counted(random: np.random.Generator, size: int) -> NDArray[np.uint8]:
    counts = np.empty((RESAMPLES, size), dtype=np.uint8)
    rows = max(1, DRAWN // max(size, 1))
    for start in range(0, RESAMPLES, rows):
        number = min(rows, RESAMPLES - start)
        drawn = random.integers(0, size, (number, size)) + size * np.arange(number)[:, None]
        counts[start : start + number] = _bytes(np.bincount(drawn.ravel(), minlength=number * size)).reshape(-1, size)
    return counts


@lru_cache(maxsize=2)
def multinomial(size: int, seed: int) -> NDArray[np.uint8]:
    """How often each of R resamples takes each image, (R, n), for statistics that are no means."""
    if size == 0:
        return np.empty((RESAMPLES, 0), dtype=np.uint8)
    random, shares = np.random.default_rng(seed), np.full(size, 1 / size)
    rows = max(1, DRAWN // size)
    blocks = [
        _bytes(random.multinomial(size, shares, size=min(rows, RESAMPLES - start)))
        for start in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(blocks)


def weighted(size: int, seed: int, values: Array) -> Array:
    """Means of the values (n, m) over every resample of `multinomial`, (R, m)."""
    return _means(multinomial(size, seed), values) if size else np.zeros((RESAMPLES, values.shape[1]))


def _bytes(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    if counts.max(initial=0) > LARGEST:
        raise OverflowError(f"a resample takes one image {counts.max()} times, more than {LARGEST}")
    return counts.astype(np.uint8)
