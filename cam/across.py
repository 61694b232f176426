"""Layers of a network that a method chooses by their kind, not the user by name: A and G there, reduced at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cam.passes import BUDGET, entering, rows_within
from cam.registry import MethodError
from cam.tap import frozen, tap

KINDS = ("stages", "convolutions", "biases")


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer on the way: its name, A (b, C, h, w), G (b, K, C, h, w), and what it adds to each channel (C,).

    `bias` is that of a convolution, and of a batch normalisation in evaluation mode beta - gamma mean / sd.
    """

    name: str
    activations: Tensor
    gradients: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class _Output:
    """What a module gives: its name, (C, h, w), whether it runs once, and whether it is a convolution."""

    name: str
    shape: tuple[int, int, int]
    once: bool
    convolution: bool


Reduction = Callable[[Stage], tuple[Tensor, ...]]


class Across:
    """Finds layers by kind and reduces what is there, a few images at a time.

    stages: for every resolution at which there are convolutions, the last module that ends there, from shallow to deep;
    the tapped layer stands for its own. convolutions: all of them. biases: what enters the network, named "", and then
    all convolutions and batch normalisations that add something.
    """

    def __init__(self, model: nn.Module, network: nn.Module) -> None:
        self.model, self.network = model, network
        self._outputs: dict[tuple[int, ...], list[_Output]] = {}

    def __call__(
        self, kind: str, reduce: Reduction, images: Tensor, layer: str, classes: int, *, gradients: bool = True
    ) -> list[tuple[Tensor, ...]]:
        """What `reduce` makes of each layer, tensors (B, ...), in the order in which the layers end.

        Args:
            kind: stages, convolutions or biases.
            reduce: of a layer with b images, to tensors (b, ...).
            images: (B, 3, H, W).
            layer: the tapped one.
            classes: K.
            gradients: whether G is needed; without, it is empty.

        Raises:
            MethodError: the network has no such layer, or one that runs several times.
        """
        outputs = self.outputs(images)
        chosen = _chosen(kind, outputs, layer, self.network)
        numbers = sum(c * h * w for c, h, w in (output.shape for output in chosen))
        size = rows_within(BUDGET, 4 * numbers * (1 + classes * gradients))
        parts: list[list[tuple[Tensor, ...]]] = []
        for part in images.split(size):
            found = tap(self.model, self.network, part, [output.name for output in chosen], gradients=gradients)
            first = [reduce(Stage("", *entering(self.model, self.network, part), None))] if kind == "biases" else []
            parts.append(first + [reduce(self._stage(output.name, found)) for output in chosen])
        return [tuple(map(torch.cat, zip(*there, strict=True))) for there in zip(*parts, strict=True)]

    def _stage(self, name: str, found: Any) -> Stage:
        nothing = found.activations[name].new_empty(0)
        bias = added(self.network.get_submodule(name))
        return Stage(name, found.activations[name], found.gradients.get(name, nothing), bias)

    def outputs(self, images: Tensor) -> list[_Output]:
        """Map-shaped outputs in the order in which they end, found once per image size."""
        size = tuple(images.shape[1:])
        if size not in self._outputs:
            self._outputs[size] = _watched(self.model, self.network, images[:1])
        return self._outputs[size]


def _watched(model: nn.Module, network: nn.Module, image: Tensor) -> list[_Output]:
    ended: list[tuple[str, tuple[int, int, int], bool]] = []

    def hook(name: str) -> Callable[..., None]:
        def ends(module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() == 4:
                ended.append((name, (output.shape[1], output.shape[2], output.shape[3]), isinstance(module, nn.Conv2d)))

        return ends

    handles = [module.register_forward_hook(hook(name)) for name, module in network.named_modules() if name]
    try:
        with torch.no_grad(), frozen(model):
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    names = [name for name, _, _ in ended]
    return [_Output(name, shape, names.count(name) == 1, conv) for name, shape, conv in ended]


def _chosen(kind: str, outputs: Sequence[_Output], layer: str, network: nn.Module) -> list[_Output]:
    if kind == "stages":
        chosen = _stages(outputs, layer)
    elif kind == "convolutions":
        chosen = [output for output in outputs if output.convolution and output.shape[1:] != (1, 1)]
    elif kind == "biases":
        chosen = [output for output in outputs if added(network.get_submodule(output.name)) is not None]
    else:
        raise MethodError(f"unknown kind of layers '{kind}'; expected {', '.join(KINDS)}")
    several = [output.name for output in chosen if not output.once]
    if several:
        raise MethodError(
            f"layer '{several[0]}' runs more than once in a forward pass; a method over {kind} needs each to run once"
        )
    if not chosen:
        raise MethodError(f"this network has no {kind} with a map; choose a method that needs the tapped layer alone")
    return chosen


def _stages(outputs: Sequence[_Output], layer: str) -> list[_Output]:
    """The last module at every resolution with convolutions; the tapped layer is the one at its own."""
    sizes = {output.shape[1:] for output in outputs if output.convolution and output.shape[1:] != (1, 1)}
    last = {output.shape[1:]: output for output in outputs if output.once and output.shape[1:] in sizes}
    last |= {output.shape[1:]: output for output in outputs if output.name == layer and output.shape[1:] in sizes}
    return sorted(last.values(), key=outputs.index)


def added(module: nn.Module) -> Tensor | None:
    """What a module adds to each channel, (C,) float32; None for one that adds nothing or is no such layer."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        return module.bias.detach().float()
    if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
        shift = -module.running_mean / (module.running_var + module.eps).sqrt()
        if module.weight is not None:
            shift = shift * module.weight.detach()
        return (shift if module.bias is None else shift + module.bias.detach()).float()
    return None
