"""Paired differences described by their ranks, every column of (n, m) on its own."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

PAIRWISE = 3000  # images up to which every pair counts in the Hodges-Lehmann shift; a seeded sample beyond
KEPT = 1000  # images up to which the places of the pairs are kept, in two arrays of 4 MB

Array = NDArray[np.float64]
Places = tuple[NDArray[np.intp], NDArray[np.intp]]


def hodges_lehmann(differences: Array, seed: int) -> Array:
    """Median of (d_i + d_j) / 2 over all i <= j (Hodges and Lehmann 1963), (m,); over 3,000 sampled images beyond."""
    if len(differences) > PAIRWISE:
        chosen = np.random.default_rng(seed).choice(len(differences), PAIRWISE, replace=False)
        differences = differences[chosen]
    count = len(differences)
    rows, columns = _kept_pairs(count) if count <= KEPT else np.triu_indices(count)
    halves = np.ascontiguousarray(differences.T) / 2
    return np.array([np.median(own[rows] + own[columns]) for own in halves])


@lru_cache(maxsize=2)
def _kept_pairs(count: int) -> Places:
    return np.triu_indices(count)


def signed_rank(differences: Array) -> Array:
    """Two-sided p of the Wilcoxon signed-rank test, zeros ranked and dropped (Pratt 1959), (m,); 1 where all are 0."""
    found = np.ones(differences.shape[1])
    for place, own in enumerate(differences.T):
        if own.any():
            found[place] = stats.wilcoxon(own, zero_method="pratt").pvalue
    return found


def rank_biserial(differences: Array) -> Array:
    """Matched-pairs rank-biserial correlation (Kerby 2014) with Pratt's ranks, (m,) in [-1, 1]."""
    ranks = stats.rankdata(np.abs(differences), axis=0) * (differences != 0)
    total = ranks.sum(axis=0)
    return np.divide((ranks * np.sign(differences)).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
