"""The classifier every other package sees: images in [0, 1] to logits, normalisation inside."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weights.errors import WeightsError
from weights.outputs import as_logits

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LARGEST = 4096  # pixels of a side: a batch of larger images fits no memory
MEAN, STD = 10, (1e-4, 1e4)  # the mean's largest amount, and the range of std, of images in [0, 1]


@dataclass(frozen=True)
class Preprocess:
    """From a photograph to what the network was trained on. The defaults are those of torchvision's ImageNet models.

    Attributes:
        resize: shorter side after bilinear, antialiased resizing, pixels.
        crop: side of the centre crop, pixels.
        mean: per channel of RGB in [0, 1].
        std: per channel, in the same unit.

    Raises:
        WeightsError: a side that is no number of pixels up to 4096, a crop larger than the resized image, or not
            three finite numbers per channel, of images in [0, 1].
    """

    resize: int = 224
    crop: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        for name, side in (("resize", self.resize), ("crop", self.crop)):
            if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= LARGEST:
                raise WeightsError(f"{name} is {_short(side)}, expected a number of pixels from 1 to {LARGEST}")
        if self.crop > self.resize:
            raise WeightsError(f"crop is {self.crop}, expected at most resize ({self.resize})")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not isinstance(values, tuple) or len(values) != 3 or not all(map(_is_finite, values)):
                raise WeightsError(f"{name} is {_short(values)}, expected three finite numbers, one per channel")
        if min(self.std) <= 0:
            raise WeightsError(f"std is {_short(self.std)}, expected three numbers above 0")
        if max(map(abs, self.mean)) > MEAN:
            raise WeightsError(f"mean is {_short(self.mean)}, images are in [0, 1]; divide mean and std by 255")
        if min(self.std) < STD[0] or max(self.std) > STD[1]:
            raise WeightsError(f"std is {_short(self.std)}, expected numbers from {STD[0]} to {STD[1]:.0f}")


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _short(value: object) -> str:
    """A value as text, also one of a thousand digits."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_short, value[:5]))}{', ...' if len(value) > 5 else ',' if len(value) == 1 else ''})"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    return repr(value)[:50]


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
        notes: what was assumed because nothing said otherwise, or left out.
        warnings: what is probably wrong, such as two sources that contradict each other about the class order.
    """

    name: str
    path: str
    arch: str
    classes: tuple[str, ...]
    sha256: str
    preprocess: Preprocess
    parameters: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Classifier(nn.Module):
    """A network with its normalisation: images (B, 3, H, W) in [0, 1] to logits (B, K) float32.

    Computes network((x - mean) / std) in the network's type, wherever the network is; what it returns is read by
    `weights.outputs.as_logits`. Frozen, in evaluation mode.

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
        return as_logits(self.network(self.normalise(images)), len(images)).float()
