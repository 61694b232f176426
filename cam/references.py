"""Maps that no network decides: controls that a method should beat, and the truth of drawn scenes it should approach.

Every reference is a function of `ReferenceInputs` and returns a map (B, K, h, w), at least 0, that goes through the
same stages as a method's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.seeds import named_generator

CENTER_SIGMA = 0.25  # of the sides
LUMINANCE = (0.299, 0.587, 0.114)
NEGATED = "control_negated_"  # and the name of the method whose map is negated


@dataclass(frozen=True, eq=False)
class ReferenceInputs:
    """What a reference may look at.

    Attributes:
        images: in [0, 1], (B, 3, H, W).
        ids: of the images, B.
        seed: of the run.
        classes: K.
        size: (h, w) of the layer's maps.
        parts: code of the part seen at every pixel, 0 the background, (B, H, W); None where images are not drawn.
        part_effect: fall of each class's margin when a part is taken away, NaN for parts that are not there, (B, K, P).
    """

    images: Tensor
    ids: tuple[str, ...]
    seed: int
    classes: int
    size: tuple[int, int]
    parts: Tensor | None = None
    part_effect: Tensor | None = None

    def per_class(self, maps: Tensor) -> Tensor:
        """(B, h, w) or (1, h, w) for every class, (B, K, h, w)."""
        return maps[:, None].expand(len(self.ids), self.classes, *self.size)


@dataclass(frozen=True)
class Reference:
    """A registry entry.

    Attributes:
        needs_truth: whether it needs drawn scenes.
    """

    function: Callable[[ReferenceInputs], Tensor]
    title: str
    meaning: str
    source: str = ""
    needs_truth: bool = False


def random_cells(inputs: ReferenceInputs) -> Tensor:
    """Every cell uniform in [0, 1), other numbers for every image and class; the image's id and the seed decide."""
    shape = (inputs.classes, *inputs.size)
    drawn = [torch.from_numpy(named_generator(inputs.seed, name, "random").random(shape)) for name in inputs.ids]
    return torch.stack(drawn).float().to(inputs.images.device)


def centred_gaussian(inputs: ReferenceInputs) -> Tensor:
    """exp(-r^2 / 2) with r the distance from the centre in units of a quarter of the sides."""
    device = inputs.images.device
    y, x = (((torch.arange(n, device=device) + 0.5) / n - 0.5) / CENTER_SIGMA for n in inputs.size)
    return inputs.per_class(torch.exp(-(y[:, None].square() + x.square()) / 2)[None])


def sobel_edges(inputs: ReferenceInputs) -> Tensor:
    """Sobel edge magnitude of the luminance, averaged over each cell."""
    weights = inputs.images.new_tensor(LUMINANCE).view(1, 3, 1, 1)
    grey = F.pad((inputs.images * weights).sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="reflect")
    across = inputs.images.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    magnitude = F.conv2d(grey, kernels).square().sum(dim=1, keepdim=True).sqrt()
    return inputs.per_class(F.adaptive_avg_pool2d(magnitude, inputs.size)[:, 0])


def uniform(inputs: ReferenceInputs) -> Tensor:
    """1 everywhere; its order is the tie rule's random one."""
    return inputs.per_class(torch.ones(1, *inputs.size, device=inputs.images.device))


def truth(inputs: ReferenceInputs) -> Tensor:
    """What the network used, by intervention: mass max(0, effect) on every part, spread evenly over its pixels.

    Averaged over each cell, and scaled to a sum of 1; all zero where no part supports the class.
    """
    if inputs.parts is None or inputs.part_effect is None:
        raise ValueError("the truth is known of drawn images only")
    size, device = tuple(inputs.parts.shape[1:]), inputs.parts.device
    codes = inputs.parts.flatten(1).long()  # (B, HW)
    effect = inputs.part_effect.nan_to_num(0).relu().to(device, torch.float32)  # (B, K, P)
    pixels = torch.zeros(effect.shape[0], effect.shape[2], device=device).scatter_add_(
        1, codes, torch.ones_like(codes, dtype=torch.float32)
    )
    density = effect / pixels.clamp_min(1)[:, None]
    painted = density.gather(2, codes[:, None].expand(-1, inputs.classes, -1)).unflatten(2, size)
    return _shares(F.adaptive_avg_pool2d(painted, inputs.size))


def mixed_truth(inputs: ReferenceInputs, share: float) -> Tensor:
    """Share * truth + (1 - share) * random cells, both with a sum of 1."""
    return share * truth(inputs) + (1 - share) * _shares(random_cells(inputs))


def _shares(maps: Tensor) -> Tensor:
    total = maps.sum(dim=(-2, -1), keepdim=True)
    return maps / torch.where(total > 0, total, 1)


CONTROLS = {
    "control_random": Reference(random_cells, "Random cells", "every cell random: what no knowledge scores"),
    "control_center": Reference(centred_gaussian, "Centred Gaussian", "the middle of the picture, whatever it shows"),
    "control_sobel": Reference(sobel_edges, "Sobel edges", "edge strength of the picture, without any network"),
    "control_uniform": Reference(uniform, "Uniform", "the same everywhere: what the areas alone score"),
}
LADDER = {  # from what the network used to chance: a metric worth its name ranks these in this order
    "truth": Reference(truth, "Truth", "mass where taking a part away lowers the margin", "Hesse et al. 2023", True),
    **{
        f"truth_{percent}": Reference(
            partial(mixed_truth, share=percent / 100),
            f"Truth {percent} %",
            f"{percent} % truth, the rest random cells",
            needs_truth=True,
        )
        for percent in (75, 50, 25)
    },
    "control_random": CONTROLS["control_random"],
}
