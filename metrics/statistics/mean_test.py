"""Is the mean of paired differences 0? The test behind every verdict."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from metrics.statistics.moments import ONE_SIDED, mean_p, moments
from metrics.statistics.permutation import DRAWS, sign_flip_p

DECIMALS = 6  # differences that agree so far are ties: the last digits depend on batch size and machine

Array = NDArray[np.float64]


class MeanTest:
    """The test of m columns, in two steps, so that many of them may share the random signs of `sign_flips`."""

    def __init__(self, a: Array, b: Array, members: Sequence[NDArray[np.bool_]]) -> None:
        """As `p_values`."""
        self.members, self.hits = members, are_hits(a, b, len(members))
        self.differences = np.round(a - b, DECIMALS)

    @property
    def weighted(self) -> Array:
        """What the signs are drawn for: the columns that are not of hits, (n, m'), images of small groups larger."""
        shares = np.zeros((len(self.differences), 1))
        for own in self.members:
            shares[own] = len(self.differences) / (len(self.members) * own.sum())
        return self.differences[:, ~self.hits] * shares

    def p_values(self, flipped: Array) -> Array:
        """P of every column, (m,), given those of the sign flips, (m',)."""
        found = np.ones(self.differences.shape[1])
        for place in np.flatnonzero(self.hits):
            own = self.differences[:, place]
            found[place] = mcnemar((own > 0).sum(), (own < 0).sum())
        if not self.hits.all():
            found[~self.hits] = np.maximum(flipped, self._skewed(self.differences[:, ~self.hits]))
        return found

    def _skewed(self, differences: Array) -> Array:
        members = self.members
        nonzero = np.where(differences == 0, np.nan, differences) if len(members) == 1 else differences
        skewed = mean_p(moments([nonzero[own] for own in members], [1 / len(members)] * len(members)))
        return np.maximum(skewed, ONE_SIDED ** (differences != 0).sum(axis=0))


def p_values(a: Array, b: Array, seed: int, members: Sequence[NDArray[np.bool_]], draws: int = DRAWS) -> Array:
    """Two-sided p that the mean of a - b is 0.

    The largest of three, so that neither skewed differences nor few of them make it too small: the studentised
    sign-flip permutation test; Student's t of the mean, corrected for skewness, over the differences that are not 0;
    and (2 / 3)^k for k such differences, because so many may fall on one side of a mean of 0. Exact McNemar where all
    values are 0 or 1. docs/calibration.md has its false alarms.

    Args:
        a: defined values, (n, m).
        b: those of the same images, (n, m).
        seed: of the random signs.
        members: the images of each group that has the same weight, (n,) each.
        draws: random signs.
    """
    test = MeanTest(a, b, members)
    return test.p_values(sign_flip_p(test.weighted, seed, draws))


def are_hits(a: Array, b: Array, groups: int) -> NDArray[np.bool_]:
    """Which of the m comparisons (n, m) of one group are of hits: 0 and 1 alone."""
    return np.asarray((np.isin(a, (0.0, 1.0)) & np.isin(b, (0.0, 1.0))).all(axis=0) & (groups == 1))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of the exact McNemar test of two hits per image; 1 where they never differ.

    Args:
        only_first: images that only the first one hits.
        only_second: images that only the second one hits.
    """
    fewer, discordant = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(special.bdtr(fewer, discordant, 0.5))) if discordant else 1.0
