"""Ground truth of drawn scenes: does the map lie where the network's own margin comes from?

N maps; P codes of parts, 0 the background (see `datasets.drawn`). The truth is the network's margin change when a part
is taken away, not the drawing. Only certified scenes count: NaN elsewhere, and for maps that are not finite.
"""

import torch
from torch import Tensor

from metrics.localisation import energy_in_face

HEAD = 0.5  # least share of the margin that goes with the head
REST = 0.05  # largest change of the probability without body and tail, or background


def part_correlation(upsampled: Tensor, parts: Tensor, part_effect: Tensor, certified: Tensor) -> Tensor:
    """Spearman's rho, over the parts seen, of the map's mass on a part and the fall of the margin without it.

    Args:
        upsampled: maps M (N, H, W), at least 0.
        parts: code of the part seen at every pixel, (N, H, W).
        part_effect: m(x) - m(x without the part) of the target's margin, (N, P); NaN for parts that are not there.
        certified: (N,) bool.

    Returns:
        (N,) in [-1, 1], higher is better; the background counts as a part. NaN for an empty map, for fewer than three
        parts in sight, and on scenes that are not certified. Source: Hesse et al., "FunnyBirds", ICCV 2023 (single
        deletion protocol).
    """
    codes, count = parts.flatten(1).long(), part_effect.shape[1]
    empty = torch.zeros(len(codes), count, dtype=torch.float64, device=codes.device)
    mass = empty.scatter_add(1, codes, upsampled.flatten(1).double())
    seen = (empty.scatter_add(1, codes, torch.ones_like(codes, dtype=torch.float64)) > 0) & ~part_effect.isnan()
    rho = _spearman(mass, part_effect.double(), seen)
    highest = upsampled.flatten(1).amax(1)
    defined = certified.bool() & (seen.sum(1) >= 3) & (highest > 0) & highest.isfinite()
    return rho.masked_fill(~defined, torch.nan)


def energy_in_evidence(upsampled: Tensor, face: Tensor, certified: Tensor) -> Tensor:
    """Share of the map's mass on the target's head, where the scene is certified to hold the evidence nowhere else.

    Range [0, 1], higher is better; a uniform map scores the head's share of the area. NaN for an empty map.
    """
    return energy_in_face(upsampled, face).masked_fill(~certified.bool(), torch.nan)


def target_sensitivity(upsampled: Tensor, face: Tensor, other_face: Tensor, certified: Tensor) -> Tensor:
    """On a scene of both animals: 1 where more mass is on the target's own head than on the other's, else 0.

    Higher is better; 0.5 for a map that ignores the target. NaN without mass on either head. Source: Hesse et al.,
    "FunnyBirds", ICCV 2023 (target sensitivity).
    """
    own, other = ((upsampled * (head == 1)).sum(dim=(1, 2), dtype=torch.float64) for head in (face, other_face))
    undefined = ~certified.bool() | (own + other == 0) | ~(own + other).isfinite()
    return (own > other).double().masked_fill(undefined, torch.nan)


def certified_scene(certified: Tensor) -> Tensor:
    """1 where the scene is certified (see `certify_scenes`), else 0; its mean is the share that counts."""
    return certified.double()


def certify_scenes(margin: Tensor, head: Tensor, rest: Tensor) -> Tensor:
    """Whether a network's evidence on a scene is the heads, as drawn, and nothing else.

    Args:
        margin: of the class that is there, (B,); on a scene of both animals NaN.
        head: fall of the class's margin without its own head, (B, K); NaN for a class that is not there.
        rest: change of a class's probability without one thing that should not matter, (B, R); NaN where there is none.
            A probability, as margins that label smoothing pins would move less than those that grow.

    Returns:
        (B,) bool. Every |rest| is below a twentieth. One animal: called right, |head| above half the margin. Both
        animals: without its head each class loses margin.
    """
    largest_rest = rest.abs().nan_to_num(0).amax(dim=1)
    both = margin.isnan()
    losses = head.nan_to_num(torch.inf).amin(dim=1) > 0
    moved = torch.where(both, losses, (margin > 0) & (head.abs().nan_to_num(0).amax(dim=1) > HEAD * margin))
    return moved & (largest_rest < REST)


def _spearman(first: Tensor, second: Tensor, seen: Tensor) -> Tensor:
    """Rank correlation (N,) over the columns of (N, P) that are `seen`; ties share their mean rank."""
    a, b = (_ranks(values.nan_to_num(0), seen) for values in (first, second))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()


def _ranks(values: Tensor, seen: Tensor) -> Tensor:
    """Ranks among the seen columns minus their mean, 0 elsewhere."""
    below = (values[:, :, None] > values[:, None]).double() + 0.5 * (values[:, :, None] == values[:, None])
    ranks = (below * seen[:, None]).sum(2)
    mean = (ranks * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True)
    return (ranks - mean) * seen
