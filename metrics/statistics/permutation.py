"""Could the signs of the differences have fallen like this by chance? A permutation test of their mean."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DRAWS = 9999
EXACT = 12  # differences that are not 0 up to which all 2^k signs are tried
BLOCK = 1 << 22  # signs at a time
COLUMNS = 256  # at a time
KEPT = 1 << 24  # signs up to which they are kept, in single precision, for the next comparison of as many images
TIED = 1e-6  # of the sum of all sizes: single precision is no better, and what is as large counts as as large

Array = NDArray[np.float64]


def sign_flip_p(differences: Array, seed: int, draws: int = DRAWS) -> Array:
    """Two-sided p that the differences lie symmetrically around 0, by the size of their mean, for m columns at once.

    Flipping signs leaves the sum of squares as it is, so that the studentised mean is as extreme as the mean is: this
    is the studentised test (Janssen 1997), right for large n also where the differences are skewed. Exact where at most
    12 differences are not 0, else (1 + as extreme) / (1 + draws), with the same signs for every column.

    Args:
        differences: (n, m), all defined; ties are 0.
        seed: of the signs.
        draws: number of random signs; p is 1 / (1 + draws) at least.

    Returns:
        (m,) in (0, 1]; 1 where all differences are 0.
    """
    found = np.ones(differences.shape[1])
    nonzero = (differences != 0).sum(axis=0)
    for count in range(1, EXACT + 1):
        columns = np.flatnonzero(nonzero == count)
        if len(columns):
            own = np.stack([differences[differences[:, column] != 0, column] for column in columns], axis=1)
            found[columns] = _extreme(_all_signs(count), own) / 2**count
    columns = np.flatnonzero(nonzero > EXACT)
    if len(columns):
        own = differences[:, columns]
        hits = np.zeros(len(columns), dtype=np.int64)
        for block in _random_signs(len(own), seed, draws):
            for start in range(0, len(columns), COLUMNS):
                hits[start : start + COLUMNS] += _extreme(block, own[:, start : start + COLUMNS])
        found[columns] = (1 + hits) / (1 + draws)
    return found


def sign_flips(tests: Sequence[tuple[Array, int]], seed: int) -> list[Array]:
    """`sign_flip_p` of many sets of columns: those of as many images and draws share their signs, which are made once.

    Args:
        tests: differences (n, m) and draws of each.
        seed: of the signs.

    Returns:
        (m,) of each, in their order.
    """
    alike: dict[tuple[int, int], list[int]] = {}
    for place, (differences, draws) in enumerate(tests):
        alike.setdefault((len(differences), draws), []).append(place)
    found: dict[int, Array] = {}
    for (_, draws), places in alike.items():
        columns = [tests[place][0] for place in places]
        p = sign_flip_p(np.concatenate(columns, axis=1), seed, draws)
        ends = np.cumsum([own.shape[1] for own in columns])[:-1]
        found |= zip(places, np.split(p, ends), strict=True)
    return [found[place] for place in range(len(tests))]


def draws_for(tests: int, alpha: float) -> int:
    """Draws that leave room for a p below alpha / tests, so that a family of so many can be decided."""
    return max(DRAWS, int(2 * tests / alpha) - 1)


def _extreme(bits: NDArray[np.float32], values: Array) -> NDArray[np.int64]:
    """How many rows of signs (0 is minus) make a sum at least as large as the values' own, (m,)."""
    size = np.abs(values).sum(axis=0)
    scaled = np.divide(values, size, out=np.zeros_like(values), where=size > 0)
    total = scaled.sum(axis=0)
    sums = 2 * (bits @ scaled.astype(np.float32)) - total.astype(np.float32)
    return np.asarray((np.abs(sums) >= np.abs(total) - TIED).sum(axis=0))


def _all_signs(count: int) -> NDArray[np.float32]:
    return ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float32)


def _random_signs(count: int, seed: int, draws: int) -> Iterable[NDArray[np.float32]]:
    return _kept(count, seed, draws) if count * draws <= KEPT else _blocks(count, seed, draws)


@lru_cache(maxsize=1)
def _kept(count: int, seed: int, draws: int) -> Sequence[NDArray[np.float32]]:
    return tuple(_blocks(count, seed, draws))


def _blocks(count: int, seed: int, draws: int) -> Iterator[NDArray[np.float32]]:
    packed = _drawn(count, seed, draws)
    rows = max(1, BLOCK // count)
    for start in range(0, draws, rows):
        yield np.unpackbits(packed[start : start + rows], axis=1, count=count).astype(np.float32)


@lru_cache(maxsize=2)
def _drawn(count: int, seed: int, draws: int) -> NDArray[np.uint8]:
    """Random bits, eight to a byte, (draws, count / 8)."""
    return np.random.default_rng(seed).integers(0, 256, (draws, -(-count // 8)), dtype=np.uint8)
