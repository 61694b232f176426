"""Scales of maps: taken out without a change of digits, or min-max, for the metrics that are defined on scaled maps."""

import torch
from torch import Tensor

from cam import upsample

__all__ = ["binary_scale", "min_max_scaled", "mirrored", "unit_peak", "unit_sum", "upsample"]


def min_max_scaled(maps: Tensor) -> Tensor:
    """(M - min M) / (max M - min M) of each map (N, H, W), in [0, 1]; a constant map becomes 0, an infinite one NaN."""
    low = maps.amin(dim=(1, 2), keepdim=True)
    high = maps.amax(dim=(1, 2), keepdim=True)
    scaled = (maps - low) / torch.where(high > low, high - low, 1)
    return scaled.masked_fill(~(low.isfinite() & high.isfinite()), torch.nan)


def binary_scale(maps: Tensor) -> Tensor:
    """The largest power of two not above the largest magnitude of each map, (..., 1, 1); 1 for an empty map.

    Dividing by it changes no digit, and what is computed then neither overflows nor underflows.

    Args:
        maps: finite, (..., h, w).
    """
    peak = maps.abs().amax(dim=(-2, -1), keepdim=True)
    return torch.where(peak > 0, torch.ldexp(torch.ones_like(peak), torch.frexp(peak).exponent - 1), 1)


def unit_peak(raw: Tensor) -> Tensor:
    """M / max M, (N, h, w) float64; NaN for a map that is empty or not finite."""
    cells = raw.double()
    peak = cells.amax(dim=(1, 2), keepdim=True)
    return cells / peak.masked_fill((peak == 0) | ~_finite(cells), torch.nan)


def mirrored(signed: Tensor) -> Tensor:
    """ReLU(-S), (N, h, w): the other class's map, if the two were exact mirrors; a map that is not finite is NaN."""
    return (-signed).relu().masked_fill(~_finite(signed), torch.nan)


def _finite(maps: Tensor) -> Tensor:
    return maps.isfinite().all(dim=2, keepdim=True).all(dim=1, keepdim=True)


def unit_sum(raw: Tensor) -> Tensor:
    """M / sum M, (N, h, w) float64; NaN for a map that is empty or not finite."""
    scaled = unit_peak(raw)
    return scaled / scaled.sum(dim=(1, 2), keepdim=True)
