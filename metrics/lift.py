"""Lift: is a map on this animal because of this picture, or would the same class's map of another picture be there too?

Energies are exact without any map at the image's size: bilinear upsampling is linear, so that the sum of an upsampled
map over some pixels is a weighted sum of its cells (`cell_weights`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from metrics.localisation import IGNORE, OBJECT
from metrics.scaling import unit_peak

OTHERS = 12  # images


def animal_lift(raw: Tensor, others: Tensor, mask_weights: Tensor) -> Tensor:
    """Energy on the animal - mean energy of other images' maps in the same mask.

    The others are the same class's maps of 12 other images of the same label (all, where there are fewer), chosen by
    the image's id. Range [-1, 1], higher is more on the animal: 0 is no more than another image's map, whatever shape
    maps and animals usually have. Others without mass do not count; NaN for an empty map and where no other has mass.
    """
    return _lift(raw, others, mask_weights)


def face_lift(raw: Tensor, others: Tensor, face_weights: Tensor) -> Tensor:
    """The same of the head box (see `animal_lift`). Range [-1, 1], higher is more in the face."""
    return _lift(raw, others, face_weights)


def cell_weights(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """Weights with which the cells of a map enter the sum of the upsampled map over object, and over all known pixels.

    Args:
        mask: 1 object, 0 background, 255 ignore, (N, H, W).
        grid: (h, w) of the maps.

    Returns:
        (N, 2, h, w) float32.
    """
    rows, columns = (
        F.interpolate(
            torch.eye(cells, dtype=torch.float64, device=mask.device)[None], size, mode="linear", align_corners=False
        )[0]
        for cells, size in zip(grid, mask.shape[1:], strict=True)
    )  # (h, H), (w, W)
    pixels = torch.stack([mask == OBJECT, mask != IGNORE], dim=1).double()
    return (rows @ pixels @ columns.T).float()


def _lift(raw: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """Of maps (N, h, w), others (N, O, h, w) and weights (N, 2, h, w): (N,)."""
    count = others.shape[1]
    chance = _energy(others.flatten(0, 1), weights.repeat_interleave(count, dim=0)).view(len(raw), count)
    return _energy(raw, weights) - chance.nanmean(dim=1)


def _energy(raw: Tensor, weights: Tensor) -> Tensor:
    """`metrics.localisation.energy_in_mask` of the upsampled map; NaN for an empty map or one that is not finite."""
    inside, known = (unit_peak(raw)[:, None] * weights).sum(dim=(2, 3)).unbind(1)
    has_object = (weights[:, 0] > 0).flatten(1).any(dim=1)
    return inside / known.masked_fill((known == 0) | ~has_object, torch.nan)
