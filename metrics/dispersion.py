"""Dispersion: how widely a raw map spreads, whatever its scale.

All take (N, h, w), at least 0 unless they are signed, and give (N,) float64, computed with the scale removed first; NaN
for a map that is not finite.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from metrics.scaling import mirrored, unit_peak, unit_sum


def effective_area(raw: Tensor) -> Tensor:
    """Effective area fraction A2 = (sum M)^2 / (h w sum M^2), the participation ratio.

    Range [1 / (h w), 1], higher is more dispersed: a uniform map has 1, one cell 1 / (h w), two equal cells twice that.
    Invariant to scale; NaN for an empty map.
    """
    cells = unit_peak(raw).flatten(1)
    return cells.sum(1).square() / (cells.shape[1] * cells.square().sum(1))


def entropy_area(raw: Tensor) -> Tensor:
    """Entropy area exp(H(p)) / (h w) with p = M / sum M and H = -sum p log p.

    Range [1 / (h w), 1], higher is more dispersed; NaN for an empty map.
    """
    p = unit_sum(raw).flatten(1)
    return torch.special.entr(p).sum(1).exp() / p.shape[1]


def rms_spread(raw: Tensor) -> Tensor:
    """Root mean square distance of the mass from its centroid, relative to a uniform map's.

    sqrt(sum p |r - mean r|^2) / sqrt((h^2 - 1 + w^2 - 1) / 12), distances in cells. 0 for one cell, 1 for a uniform
    map, up to sqrt(3) for mass in the corners: two foci far apart score high where `effective_area` stays low. NaN for
    an empty map and on a grid of one cell.
    """
    p = unit_sum(raw)
    h, w = raw.shape[1:]
    variance = _variance(p.sum(2)) + _variance(p.sum(1))
    return (variance / ((h * h - 1 + w * w - 1) / 12)).clamp_min(0).sqrt() if h * w > 1 else variance * torch.nan


def largest_component(raw: Tensor) -> Tensor:
    """Share of the mass at or above half the maximum that lies in its heaviest 8-connected component.

    Range (0, 1]: 1 is one focus, 1 / n is n equal ones. NaN for an empty map.
    """
    scaled = unit_peak(raw)
    strong = torch.where(scaled >= 0.5, scaled, 0)  # nowhere in a map without a peak
    mass = strong.flatten(1) / strong.sum(dim=(1, 2))[:, None]
    labels = component_labels(strong > 0).flatten(1)
    per_component = torch.zeros(len(mass), mass.shape[1] + 1, dtype=mass.dtype, device=mass.device)
    share = per_component.scatter_add(1, labels, mass)[:, 1:].amax(dim=1)
    return share.masked_fill(scaled.isnan().flatten(1).any(dim=1), torch.nan)


def component_labels(mask: Tensor) -> Tensor:
    """8-connected components by propagation of the largest index; (N, h, w) bool to int64, 0 outside the mask."""
    indices = torch.arange(1, mask[0].numel() + 1, device=mask.device, dtype=torch.float32)  # exact below 2^24
    labels = indices.view(mask.shape[1:]) * mask
    while True:
        spread = F.max_pool2d(labels[:, None], 3, stride=1, padding=1)[:, 0] * mask
        if torch.equal(spread, labels):
            return labels.long()
        labels = spread


def empty(raw: Tensor) -> Tensor:
    """1 where the map is zero everywhere, else 0."""
    cells = raw.flatten(1)
    return (cells == 0).all(dim=1).double().masked_fill(~cells.isfinite().all(dim=1), torch.nan)


def antisymmetry(signed: Tensor, other_signed: Tensor) -> Tensor:
    """Pearson correlation over cells of the signed score maps of the two classes.

    Range [-1, 1]; -1: the two maps mirror each other, and the wrong-class map is what the right-class map leaves. NaN
    where either is constant.
    """
    a, b = _centred(signed), _centred(other_signed)
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).clamp(-1, 1)


def signed_mirror_area(signed: Tensor) -> Tensor:
    """Effective area of ReLU(-S): what the other class's map would be if the two were exact mirrors.

    Range [1 / (h w), 1]; NaN where S has no negative cell.
    """
    return effective_area(mirrored(signed))


def map_separation(raw: Tensor, other_raw: Tensor) -> Tensor:
    """1 - sum min(p, q) of the two classes' maps, each divided by its sum.

    Range [0, 1], higher is better on an image of both animals: 1 is no overlap. NaN where either map is empty.
    """
    return 1 - torch.minimum(unit_sum(raw), unit_sum(other_raw)).sum(dim=(1, 2))


def _centred(signed: Tensor) -> Tensor:
    """(S - mean S) / max |S|, (N, h * w) float64; NaN for a map that is constant or not finite."""
    cells = signed.double().flatten(1)
    low, high = cells.amin(dim=1, keepdim=True), cells.amax(dim=1, keepdim=True)
    scaled = cells / torch.maximum(low.abs(), high.abs()).masked_fill(low == high, torch.nan)
    centred = scaled - scaled.mean(dim=1, keepdim=True)
    return centred.masked_fill(~cells.isfinite().all(dim=1, keepdim=True), torch.nan)


def _variance(marginal: Tensor) -> Tensor:
    """Variance of the position under a marginal distribution (N, n), in cells squared."""
    position = torch.arange(marginal.shape[1], device=marginal.device, dtype=marginal.dtype)
    mean = (marginal * position).sum(1, keepdim=True)
    return (marginal * (position - mean).square()).sum(1)
