"""Paired differences described by their ranks, every column of (n, m) on its own."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

PAIRWISE = 3000  # images up to which every pair counts in the Hodges-Lehmann shift; a seeded sample beyond
SAMPLE = 100  # values that tell where the median of the sums lies
MIDDLE = (0.47, 0.53)  # of the sums of those: so wide that it misses the median of all only where many values are equal
EXACT, ALL_SIGNS = 50, 13  # images up to which Wilcoxon's p is exact: without ties, with ties

Array = NDArray[np.float64]


def hodges_lehmann(differences: Array, seed: int) -> Array:
    """Median of (d_i + d_j) / 2 over all i <= j (Hodges and Lehmann 1963), (m,); over 3,000 sampled images beyond."""
    if len(differences) > PAIRWISE:
        chosen = np.random.default_rng(seed).choice(len(differences), PAIRWISE, replace=False)
        differences = differences[chosen]
    halves = np.ascontiguousarray(differences.T) / 2
    return np.array([median_of_sums(np.sort(own)) for own in halves])


def median_of_sums(ordered: Array) -> float:
    """Median of x_i + x_j over all i <= j of sorted values, (n,); exact, without forming all n (n + 1) / 2 sums.

    Some of the sums tell about where the median lies; only the sums between two such bounds are formed. Those below are
    counted row by row, which are sorted.
    """
    count = len(ordered)
    total = count * (count + 1) // 2
    first, last = (total - 1) // 2, total // 2  # places of the one or two in the middle
    low, high = _bounds(ordered)
    below, upto = _places(ordered, low, strict=True), _places(ordered, high, strict=False)
    fewer = int(below.sum())
    if not fewer <= first <= last < int(upto.sum()):  # the sample misled
        below, upto, fewer = np.zeros_like(below), count - np.arange(count), 0
    elif low == high:
        return low
    lengths = upto - below
    row = np.repeat(np.arange(count), lengths)
    column = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + (row + below[row])
    sums = ordered[row] + ordered[column]
    middle = np.partition(sums, [first - fewer, last - fewer])[[first - fewer, last - fewer]]
    return float(middle.mean())


def _bounds(ordered: Array) -> tuple[float, float]:
    """Two sums between which the median of all very likely lies: quantiles of the sums of every k-th value."""
    some = ordered[:: max(1, len(ordered) // SAMPLE)]
    rows, columns = np.triu_indices(len(some))
    low, high = np.quantile(some[rows] + some[columns], MIDDLE, method="nearest")
    return float(low), float(high)


def _places(ordered: Array, bound: float, *, strict: bool) -> NDArray[np.intp]:
    """Per i how many of the sums x_i + x_j, i <= j, are less than the bound, or not strictly: no more than it, (n,)."""
    count = len(ordered)
    own = np.arange(count)
    places = np.searchsorted(ordered, bound - ordered, side="left" if strict else "right")
    passes = np.less if strict else np.less_equal
    while True:  # the difference is rounded, the sum too: a step or two
        more = (places < count) & passes(ordered + ordered[np.minimum(places, count - 1)], bound)
        fewer = (places > 0) & ~passes(ordered + ordered[np.maximum(places - 1, 0)], bound)
        if not (more | fewer).any():
            return np.maximum(places - own, 0)
        places = places + more - fewer


def signed_rank(differences: Array) -> Array:
    """Two-sided p of the Wilcoxon signed-rank test, zeros ranked and dropped (Pratt 1959), (m,); 1 where all are 0.

    Exact for up to 50 images without ties, and for up to 13 with ties, else by the normal distribution.
    """
    count, found = len(differences), np.ones(differences.shape[1])
    sizes = np.sort(np.abs(differences), axis=0)
    tied = (differences == 0).any(axis=0) | (sizes[1:] == sizes[:-1]).any(axis=0)
    some = differences.any(axis=0)
    few = some & tied & (count <= ALL_SIGNS)
    exact = some & ~tied & (count <= EXACT)
    for chosen, method in ((exact, "exact"), (some & ~few & ~exact, "asymptotic")):
        if chosen.any():
            own = differences[:, chosen]
            found[chosen] = stats.wilcoxon(own, zero_method="pratt", method=method, axis=0).pvalue
    if few.any():
        found[few] = _all_signs(differences[:, few])
    return found


def _all_signs(differences: Array) -> Array:
    """The same over all 2^n signs, (m,): twice the share of them whose sum of positive ranks is as far out."""
    count = len(differences)
    ranks = stats.rankdata(np.abs(differences), axis=0) * (differences != 0)
    signs = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    sums, own = signs @ ranks, ((differences > 0) * ranks).sum(axis=0)
    tail = np.minimum((sums <= own).sum(axis=0), (sums >= own).sum(axis=0))
    return np.asarray(np.minimum(2 * (tail / 2**count), 1.0))


def rank_biserial(differences: Array) -> Array:
    """Matched-pairs rank-biserial correlation (Kerby 2014) with Pratt's ranks, (m,) in [-1, 1]."""
    ranks = stats.rankdata(np.abs(differences), axis=0) * (differences != 0)
    total = ranks.sum(axis=0)
    return np.divide((ranks * np.sign(differences)).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
