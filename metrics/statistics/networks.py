"""What holds over networks: their mean and spread, what a new one may do, who decides it, and on which data it differs.

Networks that share a trunk are one draw, so that their mean counts (`unit`). Intervals of a single network describe the
choice of images; those of the mean describe the choice of networks and of images.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from metrics.statistics.comparison import POWER, holm
from metrics.statistics.estimate import Estimate
from metrics.statistics.intervals import balanced_mean, change_interval
from metrics.statistics.mixed import Crossed, Solved, Variances, fitted
from metrics.statistics.moments import FEWEST

FEWEST_NETWORKS = 3  # below it nothing is said of networks that are not there
LEVELS, EACH = 2, 2  # levels of a factor that are compared, and networks of each, at least
NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, 1, 1)
VALUES = ["network", "unit", "data", "image", "stratum", "value"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OverNetworks:
    """The statement on one question.

    Attributes:
        networks: with a value.
        units: of them independent ones.
        images: with a value.
        n_undefined: values (network and image) that are undefined.
        mean: over networks; every data set, and every stratum in it, counts the same.
        p_value: two-sided, of a mean of 0 in all networks and images.
        variances: of the model.
        sd: between networks, of their means over the data sets; with its 95 % limits.
        sd_low: lower limit.
        sd_high: upper limit.
        lowest: mean without the network that pulls it up most, variances as they are.
        highest: mean without the one that pulls it down most.
        influential: the unit without which the mean changes most.
        data: per data set the mean over networks.
        p_data: that all data sets have the same mean (Holm over their pairs); NaN where there is one.
        why: why there is no statement; "" where there is.
    """

    networks: int
    units: int
    images: int
    n_undefined: int
    mean: Estimate = NOTHING
    p_value: float = math.nan
    variances: Variances | None = None
    sd: float = math.nan
    sd_low: float = math.nan
    sd_high: float = math.nan
    lowest: float = math.nan
    highest: float = math.nan
    influential: str = ""
    data: Mapping[str, Estimate] | None = None
    p_data: float = math.nan
    why: str = ""

    def interval(self, alpha: float) -> tuple[float, float]:
        """Limits of the mean at the level 1 - alpha."""
        return self.mean.limits(alpha)

    def prediction(self, alpha: float) -> tuple[float, float]:
        """Between what the mean of a new network lies: t with units - 1 degrees of freedom, sqrt(sd^2 + error^2)."""
        error = math.hypot(self.sd, self.mean.error)
        return replace(self.mean, error=error, by_images=0.0, networks=max(self.units - 1, 1)).limits(alpha)

    def detectable(self, alpha: float) -> float:
        """Smallest mean that so many networks and images would have shown with 80 % power at the level alpha."""
        return self.mean.half(alpha) + float(special.stdtrit(self.mean.freedom, POWER)) * self.mean.error


def over_networks(values: pd.DataFrame) -> OverNetworks:
    """The mixed model of `metrics.statistics.mixed` on the values, and what follows from it.

    Args:
        values: columns `VALUES`, a row per network and image; `stratum` is what counts the same within a data set, ""
            where there is none; NaN is undefined.
    """
    defined = values.dropna(subset="value")
    units = averaged(defined)
    counts = (defined["network"].nunique(), units["unit"].nunique(), len(units[["data", "image"]].drop_duplicates()))
    found = OverNetworks(*counts, len(values) - len(defined))
    if why := _too_little(units):
        return replace(found, why=why)
    data, names, strata = crossed(units)
    weights, own = _weights(strata)
    solved = fitted(data)
    if solved is None:
        return replace(found, why="the values do not vary")
    mean = solved.estimate(weights)
    sd, sd_low, sd_high = _between(solved, weights, len(own))
    without = {name: _without(data, solved.variances, place, weights) for place, name in enumerate(names)}
    return replace(
        found,
        mean=mean,
        p_value=mean.p_value,
        variances=solved.variances,
        sd=sd,
        sd_low=sd_low,
        sd_high=sd_high,
        lowest=min(without.values()),
        highest=max(without.values()),
        influential=max(without, key=lambda name: abs(without[name] - mean.mean)),
        data={name: solved.estimate(one) for name, one in own.items()},
        p_data=_different(solved, list(own.values())),
    )


def averaged(defined: pd.DataFrame) -> pd.DataFrame:
    """Networks of one trunk averaged image by image."""
    return defined.groupby(["unit", "data", "image", "stratum"], as_index=False, sort=True)["value"].mean()


def crossed(units: pd.DataFrame) -> tuple[Crossed, list[str], list[tuple[str, str]]]:
    """The values as the model takes them, the names of the units, and (data set, stratum) of the fixed effects."""
    network, names = pd.factorize(units["unit"], sort=True)
    image = units.groupby(["data", "image"], sort=True).ngroup().to_numpy()
    data = pd.factorize(units["data"], sort=True)[0]
    kinds = sorted({*zip(units["data"], units["stratum"], strict=True)})
    place = {kind: number for number, kind in enumerate(kinds)}
    fixed = np.eye(len(kinds))[[place[kind] for kind in zip(units["data"], units["stratum"], strict=True)]]
    return Crossed(units["value"].to_numpy(float), network, image, data, fixed), list(names), kinds


def own_mean(values: pd.DataFrame) -> tuple[float, float, float, int]:
    """Mean of one network, its 95 % interval over images, and their number; strata count the same."""
    groups = [own.to_numpy(float) for _, own in values.dropna(subset="value").groupby(["data", "stratum"])["value"]]
    if not groups:
        return math.nan, math.nan, math.nan, 0
    return balanced_mean(groups), *change_interval(groups), sum(map(len, groups))


def factor_levels(values: pd.DataFrame, levels: Mapping[str, str]) -> tuple[dict[str, tuple[int, Estimate]], float]:
    """A property of the networks as a fixed effect: per level its units and mean, and p that all levels are equal.

    Pairs of levels are compared, corrected by Holm; the smallest p counts. Levels with one unit are left out, and
    there is nothing (and p is NaN) unless two are left.

    Args:
        values: as of `over_networks`.
        levels: level by network; those without one are left out.
    """
    own = values.dropna(subset="value")
    own = own.assign(level=own["network"].map(levels)).dropna(subset="level")
    own = own.assign(unit=own["unit"] + "\n" + own["level"])  # heads of two levels on one trunk are two
    counts = own.groupby("level")["unit"].nunique()
    kept = sorted(counts[counts >= EACH].index)
    own = own[own["level"].isin(kept)]
    if len(kept) < LEVELS or _too_little(own):
        return {}, math.nan
    level = dict(zip(own["unit"], own["level"], strict=True))
    data, names, strata = crossed(averaged(own))
    place = np.array([kept.index(level[name]) for name in names])[data.network]
    shifts = np.eye(len(kept))[place][:, 1:]
    solved = fitted(replace(data, fixed=np.hstack([data.fixed, shifts]), levels=len(kept)))
    if solved is None:
        return {}, math.nan
    weights = _weights(strata)[0]
    at = [np.concatenate([weights, np.eye(len(kept))[place][1:]]) for place in range(len(kept))]
    means = {name: (int(counts[name]), solved.estimate(one)) for name, one in zip(kept, at, strict=True)}
    return means, _different(solved, at)


def _too_little(units: pd.DataFrame) -> str:
    """Why nothing can be said of other networks."""
    count = units["unit"].nunique()
    if count < FEWEST_NETWORKS:
        return f"{count or 'no'} network{'s' * (count != 1)}, and {FEWEST_NETWORKS} are the least that tell of others"
    images = units.groupby(["data", "image"])["value"].mean()
    tied = images.eq(images.median())
    decisive = int((~tied).sum()) if 2 * tied.sum() > len(tied) else len(images)
    return f"{decisive} images with a difference, and {FEWEST} are the least" if decisive < FEWEST else ""


def _weights(strata: Sequence[tuple[str, str]]) -> tuple[Array, dict[str, Array]]:
    """Weights of the fixed effects in the mean of all data sets, and in that of each."""
    names = [name for name, _ in strata]
    own = {
        name: np.array([float(other == name) for other in names]) / names.count(name) for name in dict.fromkeys(names)
    }
    return np.mean(list(own.values()), axis=0), own


def _between(solved: Solved, weights: Array, data_sets: int) -> tuple[float, float, float]:
    """Standard deviation between networks and its 95 % limits: chi-squared for their means, less those means' error."""
    found, data = solved.variances, solved.data
    square = found.network + found.cell / data_sets
    networks = int(data.network.max()) + 1
    strata = data.fixed.argmax(axis=1)
    counts = np.zeros((networks, data.fixed.shape[1]))
    np.add.at(counts, (data.network, strata), 1)
    error = found.rest * float(np.mean((weights**2 / np.maximum(counts, 1)).sum(axis=1)))
    freedom = networks - 1
    low, high = (
        max(0.0, float(freedom * (square + error) / special.chdtri(freedom, tail) - error)) for tail in (0.025, 0.975)
    )
    return float(square**0.5), low**0.5, high**0.5


def _without(data: Crossed, variances: Variances, place: int, weights: Array) -> float:
    """The mean without one network; NaN where nobody else has one of the strata."""
    kept = data.network != place
    if not data.fixed[kept].any(axis=0).all():
        return math.nan
    names, images = (np.unique(codes[kept], return_inverse=True)[1] for codes in (data.network, data.image))
    rest = Crossed(data.values[kept], names, images, data.data[kept], data.fixed[kept])
    return float(weights @ Solved(rest, variances).effects)


def _different(solved: Solved, means: Sequence[Array]) -> float:
    """P that weighted sums of the fixed effects are all equal: Holm over their pairs, the smallest."""
    pairs = [solved.estimate(second - first).p_value for first, second in combinations(means, 2)]
    return min(holm(pairs), default=math.nan)
