"""Resamples of images in memory that does not grow with the square of their number.

How often each resample takes each image is counted once for a number of images and a seed, a byte each; every mean is
then a product with these counts. For statistics whose interval has no closed form: bands of curves, pooled pixels.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
BLOCK = 1 << 22  # numbers at a time
DRAWN = 1 << 20  # draws at a time, of eight bytes and several times over
LARGEST = 255  # a count; more images than that in one place is 40 standard deviations away

Array = NDArray[np.float64]


def weighted(size: int, seed: int, values: Array) -> Array:
    """Means of the values (n, m) over every resample of `multinomial`, (R, m)."""
    if not size:
        return np.zeros((RESAMPLES, values.shape[1]))
    return np.concatenate([block @ values for block in _blocks(multinomial(size, seed))]) / size


@lru_cache(maxsize=2)
def multinomial(size: int, seed: int) -> NDArray[np.uint8]:
    """How often each of R resamples takes each image, (R, n)."""
    if size == 0:
        return np.empty((RESAMPLES, 0), dtype=np.uint8)
    random, shares = np.random.default_rng(seed), np.full(size, 1 / size)
    rows = max(1, DRAWN // size)
    blocks = [
        _bytes(random.multinomial(size, shares, size=min(rows, RESAMPLES - start)))
        for start in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(blocks)


def _blocks(counts: NDArray[np.uint8]) -> Iterator[Array]:
    rows = max(1, BLOCK // max(counts.shape[1], 1))
    for start in range(0, len(counts), rows):
        yield counts[start : start + rows].astype(np.float64)


def _bytes(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    if counts.max(initial=0) > LARGEST:
        raise OverflowError(f"a resample takes one image {counts.max()} times, more than {LARGEST}")
    return counts.astype(np.uint8)
