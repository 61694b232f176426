"""Confidence metrics: the target's probability, and its map, when only what the map marks is left.

p is the probability on the full image, p_M on M x + (1 - M) mean colour with M the min-max scaled upsampled map (a
product in normalised space). They reward broad maps, so `map_area` belongs beside them and they decide nothing alone.
All give (N,).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from metrics.margins import probabilities
from metrics.perturbation import Curve, road_probability
from metrics.scaling import min_max_scaled, unit_peak, upsample

CONSTANT = 1e-9  # length of a map less its mean, in units of its largest value, which is rounding
MapsOf = Callable[..., Tensor]
Score = Callable[[Tensor], Tensor]


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
    """Mean of the min-max scaled upsampled map: what the confidence metrics let through. Range [0, 1].

    It is the Complexity of Poppi et al., "Revisiting the Evaluation of Class Activation Mapping", CVPRW 2021.
    """
    return min_max_scaled(upsampled).mean(dim=(1, 2), dtype=torch.float64)


def coherency(upsampled: Tensor, masked_images: Tensor, maps_of: MapsOf) -> Tensor:
    """(1 + Pearson correlation of the map and the map of the image it masks) / 2.

    Range [0, 1], higher is better: what the map marks should be marked again when the rest is gone. NaN where either
    map has one value everywhere.

    Args:
        upsampled: M (N, H, W).
        masked_images: M x + (1 - M) mean colour (N, 3, H, W).
        maps_of: changed images to maps (N, h, w).

    Source: Poppi et al., "Revisiting the Evaluation of Class Activation Mapping", CVPRW 2021.
    """
    again = maps_of(masked_images)[:, None].to(upsampled.device)
    enlarged = upsample(again, (upsampled.shape[1], upsampled.shape[2]))[:, 0]
    first, second = (_centred(maps) for maps in (upsampled, enlarged))
    return (1 + (first * second).sum(dim=1).clamp(-1, 1)) / 2


def adcc(
    probability: Tensor, target: Tensor, upsampled: Tensor, masked_images: Tensor, score: Score, maps_of: MapsOf
) -> Tensor:
    """3 / (1 / Coherency + 1 / (1 - Complexity) + 1 / (1 - Average Drop)): their harmonic mean.

    Range [0, 1], higher is better; 0 as soon as one of the three is at its worst. Complexity is `map_area`.

    Args:
        probability: p (N,).
        target: class (N,).
        upsampled: M (N, H, W).
        masked_images: M x + (1 - M) mean colour (N, 3, H, W).
        score: images to logits (N, K).
        maps_of: changed images to maps (N, h, w).

    Source: Poppi et al., "Revisiting the Evaluation of Class Activation Mapping", CVPRW 2021.
    """
    masked = probabilities(score(masked_images).to(probability.device), target)
    kept = 1 - average_drop(probability, masked)
    return _harmonic_mean(coherency(upsampled, masked_images, maps_of), 1 - map_area(upsampled), kept)


def arcc(
    insertion_linear: Curve, deletion_linear: Curve, upsampled: Tensor, masked_images: Tensor, maps_of: MapsOf
) -> Tensor:
    """Harmonic mean of Coherency, 1 - Complexity and ROAD: ADCC with ROAD in the place of the drop.

    ROAD is the mean over the n - 1 fractions of least minus most relevant removed, cut at 0: `road_probability`
    n / (n - 1). Range [0, 1], higher is better. Arguments as of `coherency` and `road_probability`.

    Source: Domeniconi et al., "RefineCAM", 2026; as in pytorch-grad-cam after 1.5.5, whose fractions are those of 5
    steps.
    """
    steps = len(insertion_linear.fraction) - 1
    road = road_probability(insertion_linear, deletion_linear) * steps / max(1, steps - 1)
    return _harmonic_mean(
        coherency(upsampled, masked_images, maps_of), 1 - map_area(upsampled), road.clamp(0, 1).to(upsampled.device)
    )


def _harmonic_mean(*shares: Tensor) -> Tensor:
    return len(shares) / torch.stack([1 / share.double() for share in shares]).sum(dim=0)


def _centred(maps: Tensor) -> Tensor:
    """Every map less its mean, of length 1, (N, cells) float64; NaN where it has one value everywhere."""
    cells = unit_peak(maps).flatten(1)
    cells = cells - cells.mean(dim=1, keepdim=True)
    length = cells.norm(dim=1, keepdim=True)
    return cells / length.masked_fill(length < CONSTANT, torch.nan)
