"""How a layer's output lies in memory, and the way from it to a map (B, C, h, w) and back."""

import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

PREFIXES = (0, 1, 2, 4, 5, 8, 9)  # tokens before those of the cells: class, distillation, four or eight registers
NAMES = "auto, none, channels_last, tokens or tokens:PREFIX"
CHANNELS_FIRST = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm,
                  nn.GroupNorm, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)  # fmt: skip


class LayerError(ValueError):
    """A layer that cannot be tapped: unknown, not run, run several times, or without a map-shaped output."""


@dataclass(frozen=True)
class Form:
    """How an output lies in memory.

    Attributes:
        kind: "map" for (B, C, h, w), "channels_last" for (B, h, w, C), "tokens" for (B, prefix + h w, C).
        prefix: tokens before those of the cells, which run row by row.
        grid: (h, w) of the tokens.
    """

    kind: str = "map"
    prefix: int = 0
    grid: tuple[int, int] = (1, 1)

    def __str__(self) -> str:
        return f"tokens:{self.prefix}" if self.kind == "tokens" else self.kind

    def to_map(self, values: Tensor) -> Tensor:
        """Values in the form of the output, (..., C, h, w); tokens of the prefix are left out."""
        if self.kind == "map":
            return values
        if self.kind == "channels_last":
            return values.movedim(-1, -3)
        return values[..., self.prefix :, :].transpose(-1, -2).unflatten(-1, self.grid)

    def fold(self, maps: Tensor, output: Tensor | None = None) -> Tensor:
        """Maps (N, C, h, w) in the form of the output, whose tokens of the prefix are taken."""
        if self.kind == "map":
            return maps
        if self.kind == "channels_last":
            return maps.movedim(-3, -1)
        cells = maps.flatten(-2).transpose(-1, -2)  # (N, h w, C)
        return cells if output is None else torch.cat([output[..., : self.prefix, :], cells], dim=-2)


MAP = Form()


def form_of(output: object, size: tuple[int, int], reshape: str = "auto", module: nn.Module | None = None) -> Form:
    """The form of a layer's output.

    Four dimensions are (B, C, h, w), unless the first two after B have the proportions of the image and the last two
    have not, or the layer acts on the last dimension. Three are tokens (B, prefix + h w, C), where a grid with the
    proportions of the image and a usual prefix have as many.

    Args:
        output: of the layer.
        size: (H, W) of the images, pixels.
        reshape: auto; none: (B, C, h, w) alone; channels_last; tokens, tokens:PREFIX: for what has three dimensions.
        module: the layer.

    Raises:
        LayerError: no such output, or an unknown name.
    """
    prefix = named_prefix(reshape)
    shape = tuple(output.shape) if isinstance(output, Tensor) else ()
    if len(shape) == 4:
        last = reshape == "channels_last" or (reshape != "none" and _is_channels_last(shape[1:], size, module))
        return Form("channels_last") if last else MAP
    if len(shape) == 3 and reshape != "none":
        for count in PREFIXES if prefix is None else (prefix,):
            if grid := _grid(shape[1] - count, size):
                return Form("tokens", count, grid)
        raise LayerError(
            f"gives {shape}: no grid of {size[0]} x {size[1]} pixels with {prefix or 'a usual number of'} tokens "
            "before it has as many; give --reshape tokens:PREFIX, or another layer"
        )
    shown = shape if isinstance(output, Tensor) else type(output).__name__
    raise LayerError(f"gives {shown}, a map needs (B, C, h, w); tap a convolution, ReLU or pool")


def in_proportion(height: int, width: int, size: tuple[int, int]) -> bool:
    """Whether a grid has the proportions of the images, within a cell, and no more cells than they have pixels."""
    wanted = width * size[0] / size[1]
    return abs(height - wanted) <= 1 and height <= size[0] and width <= size[1]


def named_prefix(reshape: str) -> int | None:
    """The number of tokens in `tokens:PREFIX`, None where the name leaves it open.

    Raises:
        LayerError: an unknown name.
    """
    if reshape in ("auto", "none", "channels_last", "tokens"):
        return None
    named = re.fullmatch(r"tokens:(\d{1,4})", reshape)
    if named is None:
        raise LayerError(f"reshape is '{reshape}', expected {NAMES}")
    return int(named[1])


def _is_channels_last(shape: tuple[int, ...], size: tuple[int, int], module: nn.Module | None) -> bool:
    first, second, third = shape
    if isinstance(module, CHANNELS_FIRST) or not in_proportion(first, second, size):
        return False
    if isinstance(module, nn.Linear) or type(module) is nn.LayerNorm:  # those act on the last dimension
        return True
    return _misfit(first, second, size) < _misfit(second, third, size)


def _misfit(height: int, width: int, size: tuple[int, int]) -> float:
    """How far from the proportions of the images, 0 for equal ones."""
    return abs(math.log(max(height, 1) * size[1] / (max(width, 1) * size[0])))


def _grid(cells: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """(h, w) with so many cells: square patches of whole pixels where they fit, else of the image's proportions."""
    grids = [(h, cells // h) for h in range(1, max(cells, 0) + 1) if not cells % h]
    square = [(h, w) for h, w in grids if size[0] % h == size[1] % w == 0 and size[0] // h == size[1] // w]
    near = [(h, w) for h, w in grids if abs(h - w * size[0] / size[1]) < 1]
    return min(square or near, key=lambda grid: _misfit(grid[0], grid[1], size), default=None)
