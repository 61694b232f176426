"""Values of several networks on the same images: what their mean is beyond these networks and these images.

Model: d_ij = mean of the image's stratum + network_i + image_j + e_ij, and with several data sets network_i's own
shift on each of them; all but the strata are random, normal and independent. Networks or images may lack values. The
variances are REML's: in closed form (mean squares) where every network has every image, else by a small search.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from metrics.statistics.estimate import Estimate

LARGEST = 1e3  # standard deviation of networks or images over that of the rest
NONE = 1e-12  # a spread, of the largest value, that is rounding

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Variances:
    """Of the random parts, in squares of the values' unit.

    Attributes:
        network: between networks.
        cell: of a network's shifts between data sets; 0 where there is one.
        image: between images.
        rest: what is left.
    """

    network: float
    cell: float
    image: float
    rest: float

    @property
    def array(self) -> Array:
        """The four, in this order."""
        return np.array([self.network, self.cell, self.image, self.rest])


@dataclass(frozen=True, eq=False)
class Crossed:
    """Values of networks on images, N of them.

    Attributes:
        values: (N,), all defined.
        network: number of the network of each, from 0.
        image: number of the image of each, from 0.
        data: number of the data set of each, from 0.
        fixed: the fixed effects, (N, p) of full rank.
        levels: of a property of the networks, whose effects are the last levels - 1 of the fixed ones.
    """

    values: Array
    network: Codes
    image: Codes
    data: Codes
    fixed: Array
    levels: int = 1

    @cached_property
    def balanced(self) -> bool:
        """Whether every network has every image once, and there is one fixed effect, the mean."""
        cells = np.unique(np.stack([self.network, self.image]), axis=1).shape[1]
        whole = (self.network.max() + 1) * (self.image.max() + 1)
        return self.fixed.shape[1] == 1 and bool(np.ptp(self.fixed) == 0) and cells == len(self.values) == whole

    @cached_property
    def cells(self) -> Codes:
        """Number of the network and data set of each, (N,)."""
        found: Codes = np.unique(self.network * (self.data.max() + 1) + self.data, return_inverse=True)[1]
        return found

    @cached_property
    def shifts(self) -> bool:
        """Whether a network's shifts between data sets can be told from the networks: one of them is on two."""
        return bool(self.cells.max() > self.network.max())

    @cached_property
    def random(self) -> Array:
        """Indicators of networks, then of networks on each data set where that is something else, (N, q)."""
        networks = np.eye(self.network.max() + 1)[self.network]
        return np.hstack([networks, np.eye(self.cells.max() + 1)[self.cells]]) if self.shifts else networks

    @cached_property
    def per_image(self) -> tuple[Array, Array]:
        """Values per image (J,), and sums over them of networks, fixed effects and values, (J, q + p + 1)."""
        columns = np.hstack([self.random, self.fixed, self.values[:, None]])
        sums = np.zeros((self.image.max() + 1, columns.shape[1]))
        np.add.at(sums, self.image, columns)
        return np.bincount(self.image).astype(float), sums

    @cached_property
    def products(self) -> Array:
        """Products of the same columns, summed over all values."""
        columns = np.hstack([self.random, self.fixed, self.values[:, None]])
        found: Array = columns.T @ columns
        return found

    def spread(self, variances: Variances) -> Array:
        """Variance of every random effect of `random`, (q,)."""
        networks = self.network.max() + 1
        return np.repeat([variances.network, variances.cell], [networks, self.random.shape[1] - networks])


class Solved:
    """The model's equations at given variances, images eliminated in closed form.

    With R of images and rest, T = [random, fixed] and A = T' R^-1 T, the REML projection is
    P = R^-1 - R^-1 T K T' R^-1.
    """

    def __init__(self, data: Crossed, variances: Variances) -> None:
        self.data, self.variances = data, variances
        counts, sums = data.per_image
        q, size = data.random.shape[1], data.random.shape[1] + data.fixed.shape[1]
        whole = variances.rest + counts * variances.image
        shrunk = (data.products - (sums.T * (variances.image / whole)) @ sums) / variances.rest
        self.A, self.weight, self.sums, self.counts = shrunk[:size, :size], 1 / whole, sums[:, :size], counts
        root = np.sqrt(data.spread(variances))
        inner = linalg.cho_factor(np.eye(q) + root[:, None] * self.A[:q, :q] * root)
        Q = root[:, None] * linalg.cho_solve(inner, np.diag(root))
        absorbed = shrunk[q:, q:] - shrunk[q:, :q] @ Q @ shrunk[:q, q:]
        precision = linalg.cho_factor(absorbed[:-1, :-1])
        self.covariance = linalg.cho_solve(precision, np.eye(size - q))  # (p, p) of the fixed effects
        self.effects = self.covariance @ absorbed[:-1, -1]
        self.squares = float(absorbed[-1, -1] - absorbed[:-1, -1] @ self.effects)  # y' P y
        logs = ((counts - 1) * np.log(variances.rest) + np.log(whole)).sum()
        self.log_determinants = logs + 2 * (np.log(np.diag(inner[0])).sum() + np.log(np.diag(precision[0])).sum())
        self._absorbed_random = Q

    @cached_property
    def E(self) -> Array:  # noqa: N802 (a matrix)
        """V^-1 X = R^-1 T E, (q + p, p)."""
        q = len(self._absorbed_random)
        return np.vstack([-self._absorbed_random @ self.A[:q, q:], np.eye(len(self.A) - q)])

    @cached_property
    def K(self) -> Array:  # noqa: N802 (a matrix)
        """The matrix of P, (q + p, q + p)."""
        q = len(self._absorbed_random)
        found: Array = self.E @ self.covariance @ self.E.T
        found[:q, :q] += self._absorbed_random
        return found

    @cached_property
    def information(self) -> Array:
        """Expected REML information of the four variances: tr(P Z_k Z_k' P Z_l Z_l') / 2; of a part that is not, 0."""
        places = self._places()
        P, left = self.A - self.A @ self.K @ self.A, np.eye(len(self.A)) - self.A @ self.K
        B = (self.sums.T * self.weight**2) @ self.sums
        own = self.counts * self.weight
        traces, found = np.zeros(4), np.zeros((4, 4))
        for k, mine in enumerate(places):
            traces[k] = np.trace(P[mine, mine])
            found[k, 2] = found[2, k] = np.trace(left[mine] @ B @ left[mine].T)
            for j, other in enumerate(places):
                found[k, j] = (P[mine, other] ** 2).sum()
        KB = self.K @ B
        traces[2] = own.sum() - np.trace(KB)
        crossed = np.trace(self.K @ ((self.sums.T * (own * self.weight**2)) @ self.sums))
        found[2, 2] = (own**2).sum() - 2 * crossed + np.trace(KB @ KB)
        # The rest follows from P V P = P and tr(P V) = N - p.
        sizes, rest = self.variances.array[:3], self.variances.rest
        traces[3] = (len(self.data.values) - len(self.effects) - sizes @ traces[:3]) / rest
        found[3, :3] = found[:3, 3] = (traces[:3] - found[:3, :3] @ sizes) / rest
        found[3, 3] = (traces[3] - found[3, :3] @ sizes) / rest
        return found / 2

    def estimate(self, weights: Array) -> Estimate:
        """A weighted sum of the fixed effects, weights (p,), and how sure it is."""
        direction = self.E @ self.covariance @ weights
        variance = float(weights @ self.covariance @ weights)
        slope = np.zeros(4)  # of the variance, by each of the four
        for k, mine in enumerate(self._places()):
            slope[k] = ((self.A[mine] @ direction) ** 2).sum()
        slope[2] = ((self.weight * (self.sums @ direction)) ** 2).sum()
        slope[3] = (variance - slope[:3] @ self.variances.array[:3]) / self.variances.rest
        known = np.diag(self.information) > 0
        uncertain = float(slope[known] @ linalg.pinvh(self.information[np.ix_(known, known)]) @ slope[known])
        freedom = 2 * variance**2 / uncertain if uncertain > 0 else np.inf
        of_networks = int(self.data.network.max()) + 1 - self.data.levels
        of_images = int(self.data.image.max()) + 1 - (len(weights) - self.data.levels + 1)
        return Estimate(
            mean=float(weights @ self.effects),
            error=variance**0.5,
            freedom=max(1.0, min(freedom, len(self.data.values))),
            by_images=min(1.0, float(slope[2] * self.variances.image / variance)),
            networks=max(1, of_networks),
            images=max(1, of_images),
        )

    def _places(self) -> tuple[slice, slice]:
        networks = self.data.network.max() + 1
        return slice(0, networks), slice(networks, self.data.random.shape[1])


def fitted(data: Crossed) -> Solved | None:
    """The model at its REML variances; None where the values do not vary beyond the fixed effects."""
    left = data.values - data.fixed @ np.linalg.lstsq(data.fixed, data.values, rcond=None)[0]
    scale = float(np.sqrt(np.mean(left**2)))
    if scale <= NONE * float(np.abs(data.values).max(initial=0)) or scale == 0:
        return None
    found = balanced_variances(data) if data.balanced else searched_variances(data)
    least = (scale / LARGEST) ** 2
    return Solved(data, Variances(found.network, found.cell, found.image, max(found.rest, least)))


def balanced_variances(data: Crossed) -> Variances:
    """Variances from the mean squares of networks, images and rest; a negative one is 0 (Searle et al. 1992).

    rest = MS_rest, network = (MS_network - MS_rest) / J, image = (MS_image - MS_rest) / I.
    """
    networks, images = int(data.network.max()) + 1, int(data.image.max()) + 1
    table = np.empty((networks, images))
    table[data.network, data.image] = data.values
    rows, columns, middle = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True), table.mean()
    rest = ((table - rows - columns + middle) ** 2).sum() / max((networks - 1) * (images - 1), 1)
    between = images * ((rows - middle) ** 2).sum() / max(networks - 1, 1)
    among = networks * ((columns - middle) ** 2).sum() / max(images - 1, 1)
    return Variances(max(0.0, (between - rest) / images), 0.0, max(0.0, (among - rest) / networks), float(rest))


def searched_variances(data: Crossed) -> Variances:
    """REML's variances for any pattern of values: the least -2 log likelihood over standard deviations / the rest's."""
    parts = [0, 1, 2] if data.shifts else [0, 2]
    freedom = len(data.values) - data.fixed.shape[1]

    def at(ratios: Array, rest: float = 1.0) -> Variances:
        squares = np.zeros(3)
        squares[parts] = rest * np.asarray(ratios) ** 2
        return Variances(float(squares[0]), float(squares[1]), float(squares[2]), rest)

    def deviance(ratios: Array) -> float:
        solved = Solved(data, at(ratios))
        return float(freedom * np.log(max(solved.squares, np.finfo(float).tiny)) + solved.log_determinants)

    bounds = [(0.0, LARGEST)] * len(parts)
    best = optimize.minimize(deviance, np.full(len(parts), 0.5), method="L-BFGS-B", bounds=bounds).x
    fine: Any = {"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000}
    ratios = optimize.minimize(deviance, best, method="Nelder-Mead", bounds=bounds, options=fine).x
    return at(ratios, Solved(data, at(ratios)).squares / freedom)
