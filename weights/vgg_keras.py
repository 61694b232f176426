"""VGG16 as Keras builds it: layers by Keras' names, convolutions with their ReLU, and the heads of transfer learning.

Source: Simonyan & Zisserman, ICLR 2015; layer names of keras.applications.VGG16. A tap at `block5_conv3` sees the map
behind its ReLU, as a Keras layer of that name gives it.
"""

import re
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

TRUNK = {
    f"block{block}_conv{number}": channels
    for block, (channels, count) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], start=1)
    for number in range(1, count + 1)
}
SHRINKS = 2 ** len({name.partition("_")[0] for name in TRUNK})  # sides in pixels to sides of the last map
NAME = re.compile(r"vgg16_keras_(flat[1-9][0-9]?|average|max)((?:_[1-9][0-9]{0,4})*)")
POOLING = {"average": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}
PUBLISHED = "vgg16_keras_flat7_4096_4096"  # the head of the ImageNet network, at 224 pixels


class Conv(nn.Conv2d):
    """A 3 x 3 convolution that keeps the size, and ReLU behind it."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__(entering, leaving, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W), at least 0."""
        return F.relu(super().forward(x), inplace=True)


class KerasVGG16(nn.Module):
    """Images (B, 3, H, W) to logits (B, classes)."""

    def __init__(self, classes: int, *, hidden: tuple[int, ...], side: int | None, pooling: str = "") -> None:
        """Builds the network.

        Args:
            classes: number of logits.
            hidden: widths of the dense layers before the last one, `fc1`, `fc2` ...; each has a ReLU behind it.
            side: of the last map, which is flattened; None where it is pooled.
            pooling: "average" or "max", over the last map.
        """
        super().__init__()
        channels = 3
        for name, width in TRUNK.items():
            self.add_module(name, Conv(channels, width))
            channels = width
            block = name.partition("_")[0]
            if name == [each for each in TRUNK if each.startswith(block)][-1]:
                self.add_module(f"{block}_pool", nn.MaxPool2d(2))
        if side is None:
            self.add_module("pool", POOLING[pooling](1))
        self.trunk = tuple(self._modules)
        channels *= 1 if side is None else side * side
        for number, width in enumerate(hidden, start=1):
            self.add_module(f"fc{number}", nn.Linear(channels, width))
            channels = width
        self.hidden = tuple(f"fc{number}" for number in range(1, len(hidden) + 1))
        self.predictions = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, classes)."""
        for name in self.trunk:
            x = getattr(self, name)(x)
        x = x.flatten(1)
        for name in self.hidden:
            x = F.relu(getattr(self, name)(x), inplace=True)
        return self.predictions(x)


def vgg16_keras(classes: int, name: str = PUBLISHED) -> nn.Module:
    """VGG16 with the head that a name describes; by default Flatten, Dense(4096), Dense(4096), at 224 x 224 pixels."""
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"'{name}' is no VGG16; expected such as vgg16_keras_average_256 or {PUBLISHED}")
    kind, widths = found[1], tuple(int(width) for width in found[2].split("_")[1:])
    side = int(kind.removeprefix("flat")) if kind.startswith("flat") else None
    return KerasVGG16(classes, hidden=widths, side=side, pooling=kind)


def variant(name: str) -> partial[nn.Module] | None:
    """What builds the VGG16 of such a name, `vgg16_keras_average_256` say; None for any other name."""
    return partial(vgg16_keras, name=name) if NAME.fullmatch(name) else None
