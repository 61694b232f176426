"""Scatter: how far apart the strongest cells of a raw map lie, whatever its scale and however many cells have mass.

Maps are (N, h, w), at least 0 unless they are signed; values are (N,) float64, NaN where undefined. Distances are
between centres of cells, in cells. Breadth is another question (`metrics.dispersion`): two far specks are narrow and
scattered.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from metrics.localisation import energy_in_mask
from metrics.scaling import mirrored, unit_peak, upsample

LEAST = 3  # cells
EXCHANGED = 64  # cells up to which the most compact set is improved cell by cell; beyond, a disc differs by under 0.1 %
SMALLEST = 0.05  # of Moran's I between shuffled and sorted: below, a map has too few cells with mass for the question
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # each pair of 8-connected cells once


def scatter(raw: Tensor) -> Tensor:
    """Mean pairwise distance of the K strongest cells, K = round(0.05 h w) and at least 3.

    (mean distance - compact) / (random - compact), where compact is that of the most compact set of K cells of this
    grid and random the expectation for K cells drawn at random. Range [0, about 2], higher is more scattered: 0 is one
    tight patch, 1 chance, more lies in opposite corners. Where cells tie for the last places the mean over all choices
    counts, so that no order of cells matters. Invariant to scale; NaN where fewer than K cells have mass, and on grids
    where all sets of K cells are alike.
    """
    return _scatter(raw, 0.05)


def scatter_10(raw: Tensor) -> Tensor:
    """`scatter` of twice as many cells, K = round(0.10 h w) and at least 3."""
    return _scatter(raw, 0.10)


def compactness(raw: Tensor) -> Tensor:
    """Moran's I of the map between two arrangements of its own values: shuffled (0) and sorted around the centre (1).

    (I - E) / (I_sorted - E) with I = (n / W) sum_ij w_ij z_i z_j / sum z_i^2 over 8-connected neighbours,
    z = M - mean M, E = -1 / (n - 1), and I_sorted of the same values with the largest at the grid's centre. Unbounded,
    mostly in [-1, 1.5]; higher is smoother and in one piece. Invariant to scale; NaN for a constant map and where
    sorting gains less than 0.05 over shuffling, as for a single cell. Source: Moran, "Notes on continuous stochastic
    phenomena", Biometrika 1950.
    """
    values = unit_peak(raw)
    cells = values.shape[1] * values.shape[2]
    ordered = values.flatten(1).sort(dim=1, descending=True).values
    arranged = torch.empty_like(ordered)
    arranged[:, torch.from_numpy(_from_centre(*values.shape[1:])).to(raw.device)] = ordered
    expected = -1 / (cells - 1) if cells > 1 else torch.nan
    gain = _moran(arranged.view_as(values)) - expected
    return (_moran(values) - expected) / gain.masked_fill(~(gain > SMALLEST), torch.nan)


def mass_ratio(raw: Tensor, other_raw: Tensor) -> Tensor:
    """Sum of the other class's raw map / sum of this one's: of the right class's map, wrong / right.

    Range [0, inf): 1 is as much mass, and near 0 the wrong-class map is faint, which a min-max display hides. 0 where
    the other map is empty, NaN where this one is. Both maps times the same number give the same value.
    """
    own, other = (maps.double().sum(dim=(1, 2)) for maps in (raw, other_raw))
    return other / own.masked_fill((own == 0) | ~own.isfinite() | ~other.isfinite(), torch.nan)


def signed_mirror_scatter(signed: Tensor) -> Tensor:
    """`scatter` of ReLU(-S): what the other class's map would have if the two were exact mirrors."""
    return _scatter(mirrored(signed), 0.05)


def signed_mirror_scatter_10(signed: Tensor) -> Tensor:
    """`scatter_10` of ReLU(-S)."""
    return _scatter(mirrored(signed), 0.10)


def signed_mirror_compactness(signed: Tensor) -> Tensor:
    """`compactness` of ReLU(-S)."""
    return compactness(mirrored(signed))


def signed_mirror_energy(signed: Tensor, mask: Tensor) -> Tensor:
    """`energy_in_mask` of ReLU(-S), upsampled to the mask."""
    mirror = unit_peak(mirrored(signed))[:, None]
    return energy_in_mask(upsample(mirror, (mask.shape[1], mask.shape[2]))[:, 0], mask)


@lru_cache(maxsize=256)
def references(height: int, width: int, count: int) -> tuple[float, float]:
    """Mean pairwise distance of the most compact set of `count` cells of a grid, and of as many random cells.

    The first is the best of the discs around points in and near the grid's middle, improved by exchanging single cells
    until none helps (up to 64 cells; see `EXCHANGED`). The second is the mean over all pairs of different cells.
    """
    everything = torch.ones(1, height, width, dtype=torch.float64)
    cells = height * width
    random = float(_pair_sum(everything, everything)) / max(cells * (cells - 1), 1)
    return min(_disc(height, width, count, y, x) for y in (0, 0.25, 0.5) for x in (0, 0.25, 0.5)), random


def strongest(share: float, cells: int) -> int:
    """K: the share of the cells, rounded, at least 3."""
    return max(LEAST, round(share * cells))


def _scatter(raw: Tensor, share: float) -> Tensor:
    """See `scatter`. Of t cells that tie for m places one is in by chance m / t, then another by (m - 1) / (t - 1)."""
    _, height, width = raw.shape
    count = strongest(share, height * width)
    undefined = torch.full((len(raw),), torch.nan, dtype=torch.float64, device=raw.device)
    if count >= height * width:
        return undefined
    compact, random = references(height, width, count)
    if random - compact < 1e-9:
        return undefined
    scaled = unit_peak(raw)
    values = scaled.nan_to_num(0).flatten(1)
    last = values.topk(count, dim=1).values[:, -1]
    above = (values > last[:, None]).double()
    tied = (values == last[:, None]).double()
    ties, places = tied.sum(1), count - above.sum(1)
    sure, maybe = above.view_as(scaled), tied.view_as(scaled)
    both = places * (places - 1) / (ties * (ties - 1)).clamp_min(1)
    total = _pair_sum(sure, sure) + 2 * places / ties * _pair_sum(sure, maybe) + both * _pair_sum(maybe, maybe)
    found = (total / (count * (count - 1)) - compact) / (random - compact)
    return torch.where((last > 0) & ~scaled.isnan().flatten(1).any(dim=1), found, undefined)


def _pair_sum(first: Tensor, second: Tensor) -> Tensor:
    """sum_ij a_i b_j |r_i - r_j| of two weights on the same grid, (N, h, w) float64 to (N,), by convolution."""
    height, width = first.shape[1:]
    size = (2 * height, 2 * width)  # nothing wraps around
    rows, columns = (torch.arange(2 * side, device=first.device, dtype=torch.float64) for side in (height, width))
    rows, columns = torch.minimum(rows, 2 * height - rows), torch.minimum(columns, 2 * width - columns)
    kernel = torch.fft.rfft2((rows[:, None].square() + columns.square()).sqrt())
    reached = torch.fft.irfft2(torch.fft.rfft2(first, s=size) * kernel, s=size)[:, :height, :width]
    return (reached * second).sum(dim=(1, 2))


def _disc(height: int, width: int, count: int, y: float, x: float) -> float:
    """Mean pairwise distance of the cells nearest to a point, off the middle cell by (y, x), after exchanges."""
    order = _from_centre(height, width, ((height - 1) // 2 + y, (width - 1) // 2 + x))
    if count > EXCHANGED:
        chosen = torch.zeros(height * width, dtype=torch.float64)
        chosen[order[:count]] = 1
        disc = chosen.view(1, height, width)
        return float(_pair_sum(disc, disc)) / (count * (count - 1))
    near = np.stack(np.divmod(order[: 2 * count + 16], width), axis=1).astype(float)
    distance = np.linalg.norm(near[:, None] - near[None], axis=2)
    inside = np.arange(len(near)) < count
    while True:
        reach = distance[:, inside].sum(axis=1)
        own, others = np.flatnonzero(inside), np.flatnonzero(~inside)
        gain = reach[others] - distance[np.ix_(own, others)] - reach[own, None]  # what an exchange adds to the sum
        if not gain.size or gain.min() > -1e-9:
            return float(reach[inside].sum() / (count * (count - 1)))
        leaves, comes = np.unravel_index(gain.argmin(), gain.shape)
        inside[own[leaves]], inside[others[comes]] = False, True


def _from_centre(height: int, width: int, centre: tuple[float, float] | None = None) -> np.ndarray:
    """Cells by distance from a point, the grid's centre unless given; ties in raster order, (h * w,)."""
    y, x = centre or ((height - 1) / 2, (width - 1) / 2)
    rows, columns = np.mgrid[:height, :width]
    return np.argsort(((rows - y) ** 2 + (columns - x) ** 2).ravel(), kind="stable")


def _moran(values: Tensor) -> Tensor:
    """Moran's I over 8-connected neighbours, (N, h, w) to (N,); NaN for a constant map."""
    _, height, width = values.shape
    constant = values.flatten(1).amax(1) == values.flatten(1).amin(1)
    centred = values - values.mean(dim=(1, 2), keepdim=True)
    products, pairs = torch.zeros_like(centred[:, 0, 0]), 0
    for down, right in _NEIGHBOURS:
        one = centred[:, down:, max(right, 0) : width + min(right, 0)]
        other = centred[:, : height - down, max(-right, 0) : width - max(right, 0)]
        products = products + (one * other).sum(dim=(1, 2))
        pairs += one[0].numel() if len(one) else 0
    variance = centred.square().mean(dim=(1, 2)).masked_fill(constant, torch.nan)
    return products / max(pairs, 1) / variance
