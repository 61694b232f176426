"""Two methods on the same images: how large the difference is, how sure, and what may be said about it.

Differences are a - b per image, n images where both are defined. Intervals and tests describe the choice of images for
one network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from metrics.statistics.intervals import balanced_interval, balanced_mean

ALPHA, POWER = 0.05, 0.8
DECIMALS = 6  # differences that agree so far are ties: the last digits depend on batch size and machine
PAIRWISE = 3000  # images up to which every pair counts in the Hodges-Lehmann shift; a seeded sample beyond

# The headline family: (metric, role) at the first layer, corrected together by Holm; everything else is exploratory.
HEADLINE_FAMILY = (
    ("srg_probability", "right"),
    ("deletion_auc", "right"),
    ("insertion_auc", "right"),
    ("scatter_gap", "gap"),
    ("energy_in_mask", "right"),
    ("energy_in_face", "right"),
    ("pointing_game", "right"),
    ("own_animal_share", "present"),
)


@dataclass(frozen=True)
class Paired:
    """A paired comparison.

    Attributes:
        n: images.
        mean_difference: mean of a - b; its 95 % BCa bootstrap interval is `ci_low` to `ci_high`.
        hodges_lehmann: median of the means of all pairs of differences, the shift of a against b.
        p_value: two-sided; Wilcoxon signed-rank with Pratt's zeros, or exact McNemar where all values are 0 or 1.
        rank_biserial: (W+ - W-) / (W+ + W-), from -1 to 1; 0 where all differences are ties.
        win_rate: share of images where a is larger, ties half.
        detectable: smallest mean difference that n such images would have shown with 80 % power at the 5 % level.
    """

    n: int
    mean_difference: float
    ci_low: float
    ci_high: float
    hodges_lehmann: float
    p_value: float
    rank_biserial: float
    win_rate: float
    detectable: float


UNDEFINED = Paired(0, *[math.nan] * 8)


def paired(first: ArrayLike, second: ArrayLike, seed: int, groups: ArrayLike | None = None) -> Paired:
    """Compares a with b, image by image.

    Args:
        first: values of a, (n,); NaN is undefined.
        second: values of b of the same images.
        seed: of the bootstrap.
        groups: a label per image; mean and interval then give every label the same weight. Tests and shift do not.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    defined = ~(np.isnan(a) | np.isnan(b))
    a, b = a[defined], b[defined]
    if not len(a):
        return UNDEFINED
    exact = a - b
    labels = np.zeros(len(a)) if groups is None else np.asarray(groups)[defined]
    parts = [exact[labels == label] for label in np.unique(labels)]
    low, high = balanced_interval(parts, seed)
    rounded = np.round(exact, DECIMALS)
    return Paired(
        n=len(a),
        mean_difference=balanced_mean(parts),
        ci_low=low,
        ci_high=high,
        hodges_lehmann=hodges_lehmann(exact, seed),
        p_value=mcnemar(a, b) if set(np.concatenate([a, b])) <= {0.0, 1.0} else signed_rank(rounded),
        rank_biserial=rank_biserial(rounded),
        win_rate=float(((rounded > 0) + 0.5 * (rounded == 0)).mean()),
        detectable=_detectable(exact),
    )


def hodges_lehmann(differences: NDArray[np.float64], seed: int) -> float:
    """Median of (d_i + d_j) / 2 over all i <= j (Hodges and Lehmann 1963); over 3,000 sampled images beyond."""
    if len(differences) > PAIRWISE:
        differences = np.random.default_rng(seed).choice(differences, PAIRWISE, replace=False)
    rows, columns = np.triu_indices(len(differences))
    return float(np.median((differences[rows] + differences[columns]) / 2))


def signed_rank(differences: NDArray[np.float64]) -> float:
    """Two-sided p of the Wilcoxon signed-rank test, zeros ranked and dropped (Pratt 1959); 1 where all are zero."""
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="pratt").pvalue)


def mcnemar(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Two-sided p of the exact McNemar test of two hits per image; 1 where they never differ."""
    only_first, only_second = int((first > second).sum()), int((second > first).sum())
    discordant = only_first + only_second
    return float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


def rank_biserial(differences: NDArray[np.float64]) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014) with Pratt's ranks."""
    ranks = stats.rankdata(np.abs(differences)) * (differences != 0)
    return float((ranks * np.sign(differences)).sum() / ranks.sum()) if ranks.sum() else 0.0


def friedman(values: ArrayLike) -> float:
    """P of the Friedman test that all methods are equal; (n, methods) with at least three methods, rows without NaN.

    NaN for fewer than two images; 1 where the methods never differ.
    """
    array = np.round(np.asarray(values, dtype=float), DECIMALS)
    if len(array) < 2:
        return math.nan
    if (array == array[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*array.T).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979); NaN stays NaN and does not count in the family."""
    adjusted = [math.nan] * len(p_values)
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        adjusted[place] = largest
    return adjusted


def verdict(found: Paired, p_value: float, direction: str) -> str:
    """What may be said of a: better, worse, higher, lower, mixed, no difference shown, or undefined.

    Mixed: the test sees a difference, but mean and ranks do not point the same way: a few images decide the mean.

    Args:
        found: the comparison.
        p_value: corrected for the family it belongs to.
        direction: of the metric: higher, lower or none.
    """
    if math.isnan(p_value):
        return "undefined"
    if p_value < ALPHA and found.rank_biserial * found.mean_difference < 0:
        return "mixed"
    if p_value >= ALPHA or not (found.ci_low > 0 or found.ci_high < 0):  # test of ranks and interval of the mean agree
        return "no difference shown"
    larger = found.mean_difference > 0
    if direction == "none":
        return "higher" if larger else "lower"
    return "better" if larger == (direction == "higher") else "worse"


def _detectable(differences: NDArray[np.float64]) -> float:
    """(z_{1 - alpha/2} + z_power) times the standard error of the mean difference."""
    if len(differences) < 2:
        return math.nan
    factor = stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER)
    return float(factor * differences.std(ddof=1) / math.sqrt(len(differences)))
