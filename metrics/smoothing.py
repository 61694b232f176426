"""Smoothed maps: how much of a score is smoothness, which adds no knowledge of the network."""

import torch
from torch import Tensor

from metrics.inputs import MapInputs

TRUNCATE = 4.0  # standard deviations at which the Gaussian ends, as in scipy.ndimage


def smoothed(inputs: MapInputs, sigma: float) -> MapInputs:
    """The inputs of the raw maps after a Gaussian of `sigma` cells; see `gaussian`."""
    maps = gaussian(inputs.raw_maps, sigma).masked_fill(~inputs.defined_maps[..., None, None], torch.nan)
    return MapInputs(inputs.batch, maps, others=inputs.others)


def gaussian(maps: Tensor, sigma: float) -> Tensor:
    """Maps (..., h, w) convolved with a Gaussian, mirrored at the borders; sum and sign stay.

    Args:
        maps: of any scale.
        sigma: standard deviation in cells, above 0.
    """
    height, width = (_weights(side, sigma).to(maps.device, torch.float64) for side in maps.shape[-2:])
    return (height @ maps.double() @ width.T).to(maps.dtype)


def _weights(side: int, sigma: float) -> Tensor:
    """Share of cell j in the smoothed cell i, (side, side) float64: mirrored with the border cell twice."""
    reach = int(TRUNCATE * sigma + 0.5)
    steps, cells = torch.arange(-reach, reach + 1), torch.arange(side)[:, None]
    kernel = (-0.5 * (steps.double() / sigma).square()).exp()
    places = (cells + steps) % (2 * side)
    places = torch.minimum(places, 2 * side - 1 - places)
    weights = torch.zeros(side, side, dtype=torch.float64)
    weights.index_put_((cells.expand_as(places), places), kernel.expand(side, -1), accumulate=True)
    return weights / weights.sum(dim=1, keepdim=True)
