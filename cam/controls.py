"""Maps that no network decides: controls that a method should beat, and the truth of drawn scenes it should approach.

Each returns a map (B, K, h, w), at least 0, that goes through the same stages as a method's.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.registry import Method
from cam.seeds import drawn

CENTER_SIGMA = 0.25  # of the sides
LUMINANCE = (0.299, 0.587, 0.114)
NEGATED = "control_negated_"  # and the name of the method whose map is negated
SMOOTHED = "smoothed_"  # and sigma in cells, and the name of the method whose map is smoothed


def random_cells(ids: tuple[str, ...], seed: int, classes: int, size: tuple[int, int], images: Tensor) -> Tensor:
    """Every cell uniform in [0, 1), other numbers for every image and class; the image's id and the seed decide."""
    cells = drawn(ids, seed, lambda generator: generator.random((classes, *size)), "random")
    return cells.float().to(images.device)


def centred_gaussian(images: Tensor, classes: int, size: tuple[int, int]) -> Tensor:
    """exp(-r^2 / 2) with r the distance from the centre in units of a quarter of the sides."""
    y, x = (((torch.arange(n, device=images.device) + 0.5) / n - 0.5) / CENTER_SIGMA for n in size)
    return _per_class(torch.exp(-(y[:, None].square() + x.square()) / 2)[None], len(images), classes)


def sobel_edges(images: Tensor, classes: int, size: tuple[int, int]) -> Tensor:
    """Sobel edge magnitude of the luminance, averaged over each cell."""
    weights = images.new_tensor(LUMINANCE).view(1, 3, 1, 1)
    grey = F.pad((images * weights).sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="reflect")
    across = images.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    magnitude = F.conv2d(grey, kernels).square().sum(dim=1, keepdim=True).sqrt()
    return _per_class(F.adaptive_avg_pool2d(magnitude, size)[:, 0], len(images), classes)


def uniform(images: Tensor, classes: int, size: tuple[int, int]) -> Tensor:
    """1 everywhere; its order is the tie rule's random one."""
    return _per_class(torch.ones(1, *size, device=images.device), len(images), classes)


def truth(parts: Tensor, part_effect: Tensor, size: tuple[int, int]) -> Tensor:
    """What the network used, by intervention: mass max(0, effect) on every part, spread evenly over its pixels.

    Averaged over each cell, and scaled to a sum of 1; all zero where no part supports the class.

    Args:
        parts: code of the part seen at every pixel, 0 the background, (B, H, W).
        part_effect: fall of each class's margin when a part is taken away, NaN for parts not there, (B, K, P).
        size: (h, w).
    """
    codes = parts.flatten(1).long()  # (B, HW)
    effect = part_effect.nan_to_num(0).relu().to(parts.device, torch.float32)  # (B, K, P)
    pixels = torch.zeros(effect.shape[0], effect.shape[2], device=parts.device).scatter_add_(
        1, codes, torch.ones_like(codes, dtype=torch.float32)
    )
    density = effect / pixels.clamp_min(1)[:, None]
    painted = density.gather(2, codes[:, None].expand(-1, effect.shape[1], -1)).unflatten(2, parts.shape[1:])
    return _shares(F.adaptive_avg_pool2d(painted, size))


def mixed_truth(
    parts: Tensor, part_effect: Tensor, ids: tuple[str, ...], seed: int, size: tuple[int, int], share: float
) -> Tensor:
    """Share * truth + (1 - share) * random cells, both with a sum of 1; arguments as of both."""
    noise = random_cells(ids, seed, part_effect.shape[1], size, parts)
    return share * truth(parts, part_effect, size) + (1 - share) * _shares(noise)


def _per_class(maps: Tensor, count: int, classes: int) -> Tensor:
    """(B, h, w) or (1, h, w) for every class, (B, K, h, w)."""
    return maps[:, None].expand(count, classes, *maps.shape[1:])


def _shares(maps: Tensor) -> Tensor:
    total = maps.sum(dim=(-2, -1), keepdim=True)
    return maps / torch.where(total > 0, total, 1)


CONTROLS = {
    "control_random": Method(
        random_cells, "Random cells", "every cell random: what no knowledge scores", kind="control"
    ),
    "control_center": Method(
        centred_gaussian, "Centred Gaussian", "the middle of the picture, whatever it shows", kind="control"
    ),
    "control_sobel": Method(
        sobel_edges, "Sobel edges", "edge strength of the picture, without any network", kind="control"
    ),
    "control_uniform": Method(uniform, "Uniform", "the same everywhere: what the areas alone score", kind="control"),
}
LADDER = {  # from what the network used to chance: a metric worth its name ranks these in this order
    "truth": Method(
        truth, "Truth", "mass where taking a part away lowers the margin", "Hesse et al. 2023", kind="truth"
    ),
    **{
        f"truth_{percent}": Method(
            partial(mixed_truth, share=percent / 100),
            f"Truth {percent} %",
            f"{percent} % truth, the rest random cells",
            kind="truth",
        )
        for percent in (75, 50, 25)
    },
    "control_random": CONTROLS["control_random"],
}
