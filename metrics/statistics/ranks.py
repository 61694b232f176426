"""Paired differences described by their ranks, every column of (n, m) on its own."""

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

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
        return low + 0.0
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

    Exact for up to 50 images without ties, and for up to 13 with ties, else by the normal distribution (Cureton 1967).
    """
    count, found = len(differences), np.ones(differences.shape[1])
    for place, own in enumerate(differences.T):
        if not own.any():
            continue
        ranks, ties = _ranks(own)
        tied = len(ties) < count or not own.all()
        if count <= EXACT and not tied:
            found[place] = stats.wilcoxon(own, method="exact").pvalue
        elif count <= ALL_SIGNS:
            found[place] = _all_signs(own, ranks)
        else:
            zeros = float((own == 0).sum())
            mean = (count * (count + 1.0) - zeros * (zeros + 1)) * 0.25
            variance = count * (count + 1.0) * (2 * count + 1) - zeros * (zeros + 1) * (2 * zeros + 1)
            ties = ties[1:] if zeros else ties
            error = np.sqrt((variance - (ties**3 - ties).sum() / 2) / 24)
            found[place] = 2 * special.ndtr(-abs((ranks[own > 0].sum() - mean) / error))
    return found


def _all_signs(differences: Array, ranks: Array) -> float:
    """Over all 2^n signs of (n,): twice the share of them whose sum of positive ranks is as far out."""
    count = len(differences)
    signs = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    sums, own = signs @ np.where(differences == 0, 0.0, ranks), ranks[differences > 0].sum()
    return float(min(2 * (min((sums <= own).sum(), (sums >= own).sum()) / 2**count), 1.0))


def rank_biserial(differences: Array) -> Array:
    """Matched-pairs rank-biserial correlation (Kerby 2014) with Pratt's ranks, (m,) in [-1, 1]."""
    found = np.zeros(differences.shape[1])
    for place, own in enumerate(differences.T):
        ranks, _ = _ranks(own)
        if own.any():
            found[place] = (ranks * np.sign(own)).sum() / ranks[own != 0].sum()
    return found


def _ranks(values: Array) -> tuple[Array, Array]:
    """Ranks of the sizes of (n,), ties share their mean, and how many there are of each size, the smallest first."""
    _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place], counts.astype(float)
