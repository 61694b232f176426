"""Does a map change when it should, and stay when it should? Metrics that run the network again.

R maps in, (R,) float64 out; NaN for a map that is empty. The random squares, noise and orders are drawn once from a
fixed seed and are the same for every image, so that no value depends on batches, methods or workers.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from metrics.margins import margins
from metrics.scaling import unit_peak

SQUARES, SIDES = 32, (1 / 8, 1 / 3)  # how many, and the range of their side as a share of the image's
DRAWS, RADIUS = 4, 0.02  # of noise, and its largest value; pictures are in [0, 1]
DEPTHS = (0.25, 0.5, 0.75, 1.0)  # shares of the layers that a cascade shuffles, from the logits down
Score = Callable[[Tensor], Tensor]
MapsOf = Callable[..., Tensor]


def infidelity(images: Tensor, logits: Tensor, target: Tensor, upsampled: Tensor, score: Score) -> Tensor:
    """1 - max(0, sum a b)^2 / (sum a^2 sum b^2) over 32 squares: is the map proportional to what the margin loses?

    a is the map's mass in the square, b the fall of the target's margin when the square shows the picture's mean
    colour. It is the infidelity of square removal at the map's best scale, over its value for an empty map. Range
    [0, 1], lower is better. NaN where no square moves the margin.

    Args:
        images: x (R, 3, H, W) in [0, 1].
        logits: z of them (R, K).
        target: class (R,).
        upsampled: M (R, H, W).
        score: images to logits.

    Source: Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019.
    """
    rows = torch.arange(len(images), device=images.device)
    full, colour = margins(logits)[rows, target], images.mean(dim=(2, 3), keepdim=True)
    mass, fall = [], []
    for top, left, bottom, right in _squares(images.shape[2], images.shape[3]):
        changed = images.clone()
        changed[:, :, top:bottom, left:right] = colour
        mass.append(upsampled[:, top:bottom, left:right].sum(dim=(1, 2), dtype=torch.float64))
        fall.append(full - margins(score(changed)).to(full.device)[rows, target])
    a, b = torch.stack(mass), torch.stack(fall)
    a = a / a.amax(dim=0).masked_fill(a.amax(dim=0) == 0, torch.nan)
    b = b / b.abs().amax(dim=0).masked_fill(b.abs().amax(dim=0) == 0, torch.nan)
    shared = (a * b).sum(dim=0).clamp_min(0)
    found = (1 - shared.square() / (a.square().sum(dim=0) * b.square().sum(dim=0))).clamp(0, 1)
    return found.masked_fill(~_finite(upsampled), torch.nan)


def max_sensitivity(images: Tensor, raw: Tensor, maps_of: MapsOf) -> Tensor:
    """Largest |M(x + noise) - M(x)| / |M(x)| of four draws of noise, uniform within 0.02. At least 0, lower is better.

    Args:
        images: x (R, 3, H, W) in [0, 1].
        raw: M (R, h, w).
        maps_of: changed images to maps.

    Source: Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019.
    """
    generator = torch.Generator().manual_seed(0)
    length = raw.double().flatten(1).norm(dim=1)
    worst = torch.zeros_like(length)
    for _ in range(DRAWS):
        noise = (torch.rand(images.shape[1:], generator=generator).to(images) * 2 - 1) * RADIUS
        moved = maps_of((images + noise).clamp(0, 1)).double() - raw.double()
        worst = worst.maximum(moved.flatten(1).norm(dim=1) / length)
    return worst.masked_fill(length == 0, torch.nan)


def randomised_similarity(images: Tensor, raw: Tensor, maps_of: MapsOf) -> Tensor:
    """Spearman's rho of the map and that of the same network with the numbers of every parameter shuffled.

    Range [-1, 1]; near 1 the map shows the picture, whatever the network is: a gate, never a ranking. It is the end of
    the cascade. A map that vanishes, or becomes the same everywhere, has 0; NaN where it was so before.

    Args:
        images: x (R, 3, H, W).
        raw: M (R, h, w).
        maps_of: images and a change of the network to maps.

    Source: Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
    """
    return _similarity(raw, maps_of(images, 1.0))


def logit_similarity(images: Tensor, raw: Tensor, maps_of: MapsOf) -> Tensor:
    """The same with the parameters of the last layer alone shuffled, which make the logits.

    Range [-1, 1]; near 1 the map does not depend on what the classes are. Arguments and source as of
    `randomised_similarity`.
    """
    return _similarity(raw, maps_of(images, 0.0))


def cascade_similarity(images: Tensor, raw: Tensor, maps_of: MapsOf) -> Tensor:
    """The same, mean over the depths at which a quarter, half, three quarters and all of the layers are shuffled.

    Range [-1, 1]; cascading randomisation, from the logits down. NaN where a depth has no value. Arguments and source
    as of `randomised_similarity`.
    """
    return torch.stack([_similarity(raw, maps_of(images, share)) for share in DEPTHS]).mean(dim=0)


def class_sensitivity(raw: Tensor, other_raw: Tensor) -> Tensor:
    """1 - cosine of the maps of the target and of the other class: 0 where the class does not matter.

    Range [0, 1], higher is better. NaN where either is empty.
    """
    first, second = (unit_peak(maps).flatten(1) for maps in (raw, other_raw))
    return (1 - (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))).clamp(0, 1)


def _squares(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Top, left, bottom, right of the squares, in pixels."""
    random = torch.rand(SQUARES, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    found = []
    for size, down, across in random:
        share = SIDES[0] + (SIDES[1] - SIDES[0]) * size
        rows, columns = max(1, round(share * height)), max(1, round(share * width))
        top, left = round(down * (height - rows)), round(across * (width - columns))
        found.append((top, left, top + rows, left + columns))
    return found


def _similarity(raw: Tensor, found: Tensor) -> Tensor:
    """Spearman's rho of two maps each, (R,); 0 where the second has one value everywhere, and the first does not."""
    first, second = raw.double().flatten(1), found.double().flatten(1)
    rho = _spearman(first, second)
    vanished = (second.amin(dim=1) == second.amax(dim=1)) & (first.amin(dim=1) != first.amax(dim=1))
    return rho.masked_fill(vanished, 0).masked_fill(~(_finite(raw) & _finite(found)), torch.nan)


def _finite(maps: Tensor) -> Tensor:
    return maps.isfinite().flatten(1).all(dim=1)


def _spearman(first: Tensor, second: Tensor) -> Tensor:
    """Correlation of the mean ranks of each row, (R, N) to (R,); NaN where either is constant."""
    a, b = (ranks - ranks.mean(dim=1, keepdim=True) for ranks in map(_mean_ranks, (first, second)))
    length = a.norm(dim=1) * b.norm(dim=1)
    return (a * b).sum(dim=1) / length.masked_fill(length == 0, torch.nan)


def _mean_ranks(values: Tensor) -> Tensor:
    """Of N values the number below plus half the number of equals, (R, N)."""
    ordered = values.sort(dim=1).values
    low, high = (torch.searchsorted(ordered, values.contiguous(), right=right) for right in (False, True))
    return (low + high).double() / 2
