"""Two methods on the same images: how large the difference is, how sure, and what may be said about it.

Differences are a - b per image, n images where both are defined. Intervals and tests describe the choice of images for
one network. The claim is about the mean, and so is the test; ranks stand beside it as description.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from metrics.statistics.mean_test import DECIMALS, MeanTest
from metrics.statistics.moments import ONE_SIDED, Moments, limits, moments, paired_hit_limits
from metrics.statistics.permutation import DRAWS, sign_flips
from metrics.statistics.ranks import hodges_lehmann, rank_biserial, signed_rank

ALPHA, POWER = 0.05, 0.8

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

Array = NDArray[np.float64]
Table = tuple[Array, Array, ArrayLike | None, int]  # first, second, groups, draws of `paired_columns`
TOGETHER = 1 << 23  # values of tables that are compared at once


@dataclass(frozen=True)
class Paired:
    """A paired comparison.

    Attributes:
        n: images.
        mean_difference: mean of a - b.
        ci_low: lower limit of it at the level 1 - alpha (see `metrics.statistics.moments`); NaN where there is none.
        ci_high: upper limit.
        hodges_lehmann: median of the means of all pairs of differences, the shift of a against b.
        p_value: two-sided, of a mean difference of 0 (see `p_values`).
        p_wilcoxon: two-sided, of the Wilcoxon signed-rank test with Pratt's zeros: description.
        rank_biserial: (W+ - W-) / (W+ + W-), from -1 to 1; 0 where all differences are ties.
        win_rate: share of images where a is larger, ties half.
        detectable: smallest mean difference that n such images would have shown with 80 % power at the level alpha;
            NaN where they could not have shown any.
        only_a: of hits, images that only a hits; NaN for anything else.
        moments: of the mean difference, from which limits at any level come.
    """

    n: int
    mean_difference: float
    ci_low: float
    ci_high: float
    hodges_lehmann: float
    p_value: float
    p_wilcoxon: float
    rank_biserial: float
    win_rate: float
    detectable: float
    only_a: float
    moments: Moments


def paired(first: ArrayLike, second: ArrayLike, seed: int, groups: ArrayLike | None = None) -> Paired:
    """Compares a with b, image by image: `paired_columns` of one column, (n,) each."""
    a, b = (np.asarray(values, dtype=float)[:, None] for values in (first, second))
    return paired_columns(a, b, seed, groups)[0]


def paired_columns(
    first: Array, second: Array, seed: int, groups: ArrayLike | None = None, draws: int = DRAWS
) -> list[Paired]:
    """Compares a with b on the same images, m comparisons at once.

    Limits and `detectable` are those of alpha = 0.05; `at_level` gives others.

    Args:
        first: values of a, (n, m); NaN is undefined.
        second: values of b of the same images, (n, m).
        seed: of the random signs.
        groups: a label per image, (n,); every label has then the same weight in the mean. Ranks ignore it.
        draws: random signs per test.
    """
    return paired_tables([(first, second, groups, draws)], seed)[0]


def paired_tables(tables: Sequence[Table], seed: int) -> list[list[Paired]]:
    """`paired_columns` of many tables (first, second, groups, draws); tests of as many images share random signs."""
    results: list[dict[int, Paired]] = [{} for _ in tables]
    for some in _batches(tables):
        parts = [part for place in some for part in _parts(place, *tables[place])]
        flipped = sign_flips([(part.test.weighted, part.draws) for part in parts], seed)
        for part, p in zip(parts, flipped, strict=True):
            results[part.table] |= zip(part.columns, _compared(part, p, seed), strict=True)
    return [
        [found.get(column, UNDEFINED) for column in range(table[0].shape[1])]
        for found, table in zip(results, tables, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Part:
    """Columns of a table that are defined on the same images: values (n, m) each, and the test of their means."""

    table: int
    columns: list[int]
    a: Array
    b: Array
    test: MeanTest
    draws: int


def _batches(tables: Sequence[Table]) -> Iterator[list[int]]:
    """Numbers of tables that together hold about `TOGETHER` values, at least one."""
    some: list[int] = []
    held = 0
    for place, table in enumerate(tables):
        if some and held + table[0].size > TOGETHER:
            yield some
            some, held = [], 0
        some.append(place)
        held += table[0].size
    yield some


def _parts(table: int, first: Array, second: Array, groups: ArrayLike | None, draws: int) -> Iterator[_Part]:
    defined = ~(np.isnan(first) | np.isnan(second))
    labels = np.zeros(len(first)) if groups is None else np.asarray(groups)
    for pattern in np.unique(defined, axis=1).T if defined.size else ():
        columns = np.flatnonzero((defined == pattern[:, None]).all(axis=0))
        if pattern.any():
            a, b, own = first[pattern][:, columns], second[pattern][:, columns], labels[pattern]
            members = [own == label for label in np.unique(own)]
            yield _Part(table, columns.tolist(), a, b, MeanTest(a, b, members), draws)


def at_level(found: Paired, alpha: float) -> Paired:
    """The same comparison with limits and `detectable` for the level 1 - alpha, as for one of 0.05 / alpha tests."""
    if not found.n:
        return found
    second = found.only_a - found.mean_difference * found.n
    hits = not math.isnan(found.only_a)
    low, high = _hits(found.only_a, second, found.n, alpha) if hits else limits(found.moments, alpha)
    detectable = _detectable_hits(found.only_a + second, found.n, alpha) if hits else _detectable(found.moments, alpha)
    return replace(found, ci_low=float(np.ravel(low)[0]), ci_high=float(np.ravel(high)[0]), detectable=detectable)


def _compared(part: _Part, flipped: Array, seed: int) -> list[Paired]:
    """Comparisons of columns that are defined everywhere, (n, m) each."""
    a, b, members = part.a, part.b, part.test.members
    exact, rounded, hits = a - b, part.test.differences, part.test.hits
    whole = moments([exact[own] for own in members], [1 / len(members)] * len(members))
    p = part.test.p_values(flipped)
    ranks, wins = rank_biserial(rounded), ((rounded > 0) + 0.5 * (rounded == 0)).mean(axis=0)
    wilcoxon, shift = signed_rank(rounded), hodges_lehmann(exact, seed)
    only_a = (exact > 0).sum(axis=0)
    return [
        at_level(
            Paired(
                n=len(a),
                mean_difference=float(whole.mean[place]),
                ci_low=math.nan,
                ci_high=math.nan,
                hodges_lehmann=float(shift[place]),
                p_value=float(p[place]),
                p_wilcoxon=float(wilcoxon[place]),
                rank_biserial=float(ranks[place]),
                win_rate=float(wins[place]),
                detectable=math.nan,
                only_a=float(only_a[place]) if hits[place] else math.nan,
                moments=whole.column(place),
            ),
            ALPHA,
        )
        for place in range(a.shape[1])
    ]


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
    if p_value >= ALPHA or found.mean_difference == 0:
        return "no difference shown"
    larger = found.mean_difference > 0
    if direction == "none":
        return "higher" if larger else "lower"
    return "better" if larger == (direction == "higher") else "worse"


def _detectable(found: Moments, alpha: float) -> float:
    """(t_{1 - alpha/2} + t_power) standard errors, and what the caution of the test costs few images (simulated)."""
    n, error, freedom = found.decisive[0], found.error[0], found.freedom[0]
    if n < 2 or ONE_SIDED**n >= alpha or not error:
        return math.nan
    reach = special.stdtrit(freedom, 1 - alpha / 2) + special.stdtrit(freedom, POWER)
    least = math.log(alpha) / math.log(ONE_SIDED)  # so many images decide at this level at the earliest
    return float(reach * error * (1 + 2 / n + 0.5 * (least / n) ** 4))


def _detectable_hits(discordant: float, n: int, alpha: float) -> float:
    """(z_{1 - alpha/2} + z_power) sqrt(discordant) / n; more than that share can differ on one side alone.

    There the least share is that of which so many images as the exact test needs are drawn with 80 % chance.
    """
    needed = math.floor(math.log2(2 / alpha)) + 1
    if needed > n:
        return math.nan
    factor = special.ndtri(1 - alpha / 2) + special.ndtri(POWER)
    both_sides = (factor * math.sqrt(discordant + 1) + 1) / n
    if both_sides <= discordant / n:
        return float(both_sides)
    return float(max(discordant / n, special.betaincinv(needed, n - needed + 1, POWER)))


def _hits(first: float, second: float, n: int, alpha: float) -> tuple[Array, Array]:
    return paired_hit_limits(np.array([first]), np.array([second]), np.array([float(n)]), alpha)


UNDEFINED = Paired(0, *[math.nan] * 10, moments([np.empty((0, 1))], [1.0]))  # type: ignore[call-arg,arg-type]
