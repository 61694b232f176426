"""Many rivals on the same images: mean ranks, and how far two must lie apart."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics.statistics.comparison import ALPHA


def mean_ranks(values: NDArray[np.float64], better: str) -> NDArray[np.float64]:
    """Mean over images of the ranks of k rivals, 1 the best; ties share their mean rank.

    Args:
        values: (n, k), all defined.
        better: higher or lower.

    Returns:
        (k,) in [1, k]; NaN without images.
    """
    if not len(values):
        return np.full(values.shape[1], math.nan)
    ranks: NDArray[np.float64] = stats.rankdata(-values if better == "higher" else values, axis=1)
    return ranks.mean(axis=0)


def critical_difference(rivals: int, images: int) -> float:
    """Nemenyi's: mean ranks of two of k rivals differ at the 5 % level, all pairs together, from here on.

    CD = q sqrt(k (k + 1) / (6 n)), q the studentized range's quantile for k and infinitely many degrees of freedom,
    divided by sqrt(2). NaN for one rival or no image. Source: Demsar, "Statistical Comparisons of Classifiers over
    Multiple Data Sets", JMLR 2006.
    """
    if rivals < 2 or images < 1:
        return math.nan
    quantile = stats.studentized_range.ppf(1 - ALPHA, rivals, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(rivals * (rivals + 1) / (6 * images)))


def indistinct(ranks: NDArray[np.float64], distance: float) -> list[tuple[int, int]]:
    """Largest groups of neighbours in sorted ranks that lie within the distance, as first and last place."""
    groups: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.searchsorted(ranks, ranks[first] + distance, side="right")) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups
