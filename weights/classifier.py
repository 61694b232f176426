"""The classifier every other package sees: images in [0, 1] to logits, normalisation inside."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weights.errors import WeightsError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """From a photograph to what the network was trained on. The defaults are those of torchvision's ImageNet models.

    Attributes:
        resize: shorter side after bilinear, antialiased resizing, pixels.
        crop: side of the centre crop, pixels.
        mean: per channel of RGB in [0, 1].
        std: per channel, in the same unit.

    Raises:
        WeightsError: a side that is no number of pixels, a crop larger than the resized image, or not three finite
            numbers per channel, above 0 for std.
    """

    resize: int = 224
    crop: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        for name, side in (("resize", self.resize), ("crop", self.crop)):
            if not isinstance(side, int) or isinstance(side, bool) or side < 1:
                raise WeightsError(f"{name} is {side!r}, expected a number of pixels")
        if self.crop > self.resize:
            raise WeightsError(f"crop is {self.crop}, expected at most resize ({self.resize})")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not isinstance(values, tuple) or len(values) != 3 or not all(_is_finite(value) for value in values):
                raise WeightsError(f"{name} is {values!r}, expected three finite numbers, one per channel")
        if min(self.std) <= 0:
            raise WeightsError(f"std is {self.std!r}, expected three numbers above 0")


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True)
class Checkpoint:
    """Where a classifier's weights come from.

    Attributes:
        name: file name without its ending.
        path: of the file.
        arch: name of the architecture.
        classes: in the order of the logits.
        sha256: of the file.
        preprocess: what images go through first.
        parameters: how many there are.
        notes: what was assumed because nothing said otherwise.
    """

    name: str
    path: str
    arch: str
    classes: tuple[str, ...]
    sha256: str
    preprocess: Preprocess
    parameters: int
    notes: tuple[str, ...] = ()


class Classifier(nn.Module):
    """A network with its normalisation: images (B, 3, H, W) in [0, 1] to logits (B, K) float32.

    Computes network((x - mean) / std) in the network's type, wherever the network is. Frozen, in evaluation mode.

    Attributes:
        network: takes normalised images; its layers are what a tap names.
        checkpoint: where its weights come from.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = network
        self.checkpoint = checkpoint
        std = torch.tensor(checkpoint.preprocess.std, dtype=torch.float64).view(1, 3, 1, 1)
        mean = torch.tensor(checkpoint.preprocess.mean, dtype=torch.float64).view(1, 3, 1, 1)
        like = next(network.parameters())
        self.register_buffer("scale", (1 / std).to(like), persistent=False)
        self.register_buffer("shift", (-mean / std).to(like), persistent=False)
        self.eval().requires_grad_(False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return self.checkpoint.classes

    def normalise(self, images: Tensor) -> Tensor:
        """(x - mean) / std of images (B, 3, H, W) in [0, 1], in the network's type, in one pass over memory."""
        return torch.addcmul(self.shift, images.to(self.scale.dtype), self.scale)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) float32 of images (B, 3, H, W) in [0, 1]."""
        logits: Tensor = self.network(self.normalise(images))
        return logits.float()
