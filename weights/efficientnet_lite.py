"""EfficientNet-Lite 0 to 2: inverted bottlenecks with ReLU6, without squeeze-and-excitation.

Source: Tan & Le, EfficientNet (ICML 2019), and Google's Lite variants of 2020, whose published weights these networks
take: padding as TensorFlow's "same", batch normalisation with its epsilon. Tensors have timm's names.
"""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

STEM, FEATURES = 32, 1280  # channels behind the first convolution and before pooling: the same in every variant
EPSILON = 1e-3  # of batch normalisation in TensorFlow
MULTIPLE = 8  # widths are rounded to it


@dataclass(frozen=True)
class Stage:
    """Blocks of one width.

    Attributes:
        expansion: channels inside a block as a multiple of those that enter; 1 leaves the expanding convolution out.
        kernel: side of the depthwise convolution, pixels.
        stride: of the first block; the others have 1.
        width: channels that leave.
        blocks: how many.
    """

    expansion: int
    kernel: int
    stride: int
    width: int
    blocks: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


class SameConv(nn.Conv2d):
    """A convolution without bias whose output has ceil(side / stride) pixels.

    Zeros are added as TensorFlow adds them: the odd one of an uneven number goes right and below.
    """

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(entering, leaving, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            x = F.pad(x, [*self._zeros(x.shape[3]), *self._zeros(x.shape[2])])
        return super().forward(x)

    def _zeros(self, side: int) -> tuple[int, int]:
        """How many before and behind a side of so many pixels."""
        total = self.kernel_size[0] - 1 - (side - 1) % self.stride[0]  # no branch and no max(): it can be traced
        return total // 2, total - total // 2


class Norm(nn.BatchNorm2d):
    """Batch normalisation, and ReLU6 behind it where there is one: a tap here sees the activated map."""

    def __init__(self, channels: int, *, activated: bool = True) -> None:
        super().__init__(channels, eps=EPSILON)
        self.activated = activated

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 (torch's name)
        """Nothing: only maps come here, and a check of the shape could not be traced."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), in [0, 6] where activated."""
        x = super().forward(x)
        return F.relu6(x, inplace=True) if self.activated else x


class Separable(nn.Module):
    """The first stage's block: a depthwise and a pointwise convolution, the second without activation."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = SameConv(entering, entering, kernel, stride, groups=entering)
        self.bn1 = Norm(entering)
        self.conv_pw = SameConv(entering, leaving, 1)
        self.bn2 = Norm(leaving, activated=False)
        self.skips = stride == 1 and entering == leaving

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        y = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))
        return y + x if self.skips else y


class Inverted(nn.Module):
    """An inverted bottleneck: widen, convolve each channel, narrow without activation, add what entered if it fits."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = entering * expansion
        self.conv_pw = SameConv(entering, inside, 1)
        self.bn1 = Norm(inside)
        self.conv_dw = SameConv(inside, inside, kernel, stride, groups=inside)
        self.bn2 = Norm(inside)
        self.conv_pwl = SameConv(inside, leaving, 1)
        self.bn3 = Norm(leaving, activated=False)
        self.skips = stride == 1 and entering == leaving

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        y = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))
        y = self.bn3(self.conv_pwl(y))
        return y + x if self.skips else y


class EfficientNetLite(nn.Module):
    """Images (B, 3, H, W) to logits (B, classes). `bn2` is the last map, activated; 7 x 7 x 1280 at 224 pixels."""

    def __init__(self, classes: int, *, width: float = 1.0, depth: float = 1.0, dropout: float = 0.2) -> None:
        """Builds the network.

        Args:
            classes: number of logits.
            width: factor of the stages' channels.
            depth: factor of the number of blocks, rounded up; the first and the last stage keep theirs.
            dropout: share of the features that is dropped while training.
        """
        super().__init__()
        self.conv_stem = SameConv(3, STEM, 3, stride=2)
        self.bn1 = Norm(STEM)
        stages, channels = [], STEM
        for stage in STAGES:
            fixed = stage in (STAGES[0], STAGES[-1])
            blocks: list[nn.Module] = []
            for number in range(stage.blocks if fixed else math.ceil(stage.blocks * depth)):
                leaving, stride = rounded(stage.width * width), stage.stride if number == 0 else 1
                if stage.expansion == 1:
                    blocks.append(Separable(channels, leaving, stage.kernel, stride))
                else:
                    blocks.append(Inverted(channels, leaving, stage.kernel, stride, stage.expansion))
                channels = leaving
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = SameConv(channels, FEATURES, 1)
        self.bn2 = Norm(FEATURES)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, classes)."""
        x = self.blocks(self.bn1(self.conv_stem(x)))
        x = self.bn2(self.conv_head(x))
        return self.classifier(self.dropout(self.global_pool(x).flatten(1)))


def rounded(channels: float) -> int:
    """The nearest multiple of eight, upwards in the middle, and never less than nine tenths of the number."""
    nearest = max(MULTIPLE, int(channels + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest if nearest >= 0.9 * channels else nearest + MULTIPLE


def efficientnet_lite0(classes: int) -> nn.Module:
    """EfficientNet-Lite0, made for 224 x 224 pixels."""
    return EfficientNetLite(classes)


def efficientnet_lite1(classes: int) -> nn.Module:
    """EfficientNet-Lite1, made for 240 x 240 pixels."""
    return EfficientNetLite(classes, depth=1.1)


def efficientnet_lite2(classes: int) -> nn.Module:
    """EfficientNet-Lite2, made for 260 x 260 pixels."""
    return EfficientNetLite(classes, width=1.1, depth=1.2, dropout=0.3)
