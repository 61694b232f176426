"""Sizes and scales that several methods share."""

import torch
import torch.nn.functional as F
from torch import Tensor


def unit(maps: Tensor, dims: tuple[int, ...] = (-2, -1)) -> Tensor:
    """Every map from 0 to 1 over `dims`; 0 where it is the same everywhere."""
    low, high = maps.amin(dim=dims, keepdim=True), maps.amax(dim=dims, keepdim=True)
    return torch.where(high == low, 0, (maps - low) / torch.where(high == low, 1, high - low))  # NaN stays NaN


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, M, h, w) interpolated to (N, M, *size); 0 where one is the same everywhere.

    There interpolation would leave differences of rounding, which scaling to 0..1 makes a mask of.
    """
    same = maps.amax(dim=(-2, -1), keepdim=True) == maps.amin(dim=(-2, -1), keepdim=True)
    return F.interpolate(maps.masked_fill(same, 0), size=size, mode="bilinear", align_corners=False)


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, M, h, w) on another grid: cells averaged to fewer, values interpolated to more."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    if size[0] <= maps.shape[2] and size[1] <= maps.shape[3]:
        return F.adaptive_avg_pool2d(maps, size)
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def finest(maps: list[Tensor]) -> tuple[int, int]:
    """The most cells, as (h, w), among maps (..., h, w)."""
    best = max(maps, key=lambda found: found.shape[-2] * found.shape[-1])
    return best.shape[-2], best.shape[-1]


def percentile(values: Tensor, share: float, count: Tensor | None = None) -> Tensor:
    """Linearly interpolated quantile over the last dimension, kept as 1.

    Args:
        values: (..., n), at most the first `count` of them in ascending order counted.
        share: 0 to 1.
        count: how many of the smallest count, (..., 1), at least 1; None: all.
    """
    ordered = values.sort(dim=-1).values
    counted = torch.full_like(ordered[..., :1], values.shape[-1]) if count is None else count.to(ordered)
    place = share * (counted - 1)
    low = place.floor().long()
    high = torch.minimum(low + 1, counted.long() - 1)
    return torch.lerp(ordered.gather(-1, low), ordered.gather(-1, high), place - low)
