"""Confidence metrics: the target's probability when only what the map marks is left.

p is the probability on the full image, p_M on M x + (1 - M) mean colour with M the min-max scaled upsampled map (a
product in normalised space). They reward broad maps, so `map_area` belongs beside them and they decide nothing alone.
All give (N,).
"""

import torch
from torch import Tensor

from metrics.scaling import min_max_scaled


def average_drop(probability: Tensor, masked_probability: Tensor) -> Tensor:
    """max(0, p - p_M) / p. Range [0, 1], lower is better. Source: Chattopadhay et al., "Grad-CAM++", WACV 2018."""
    return (probability - masked_probability).clamp_min(0) / probability


def increase(probability: Tensor, masked_probability: Tensor) -> Tensor:
    """1 where p_M > p, else 0. Higher is better. Source: Chattopadhay et al., "Grad-CAM++", WACV 2018."""
    undefined = masked_probability.isnan() | probability.isnan()
    return (masked_probability > probability).to(probability.dtype).masked_fill(undefined, torch.nan)


def average_gain(probability: Tensor, masked_probability: Tensor) -> Tensor:
    """max(0, p_M - p) / (1 - p). Range [0, 1], higher is better; NaN where p = 1.

    Source: Zhang et al., "Opti-CAM", 2023.
    """
    room = 1 - probability
    return (masked_probability - probability).clamp_min(0) / room.masked_fill(room == 0, torch.nan)


def map_area(upsampled: Tensor) -> Tensor:
    """Mean of the min-max scaled upsampled map: what the confidence metrics let through. Range [0, 1]."""
    return min_max_scaled(upsampled).mean(dim=(1, 2), dtype=torch.float64)
