"""Capture of activations and gradients: one forward pass, every class, every layer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cam.contract import closest


class LayerError(ValueError):
    """A layer that cannot be tapped: unknown, not run once, or without a map-shaped output."""


@dataclass(frozen=True)
class Tapped:
    """What one forward pass leaves behind.

    Attributes:
        logits: z, (B, K) float32.
        activations: A per layer, (B, C, h, w) float32.
        gradients: G = dz_k / dA per layer for every class k, (B, K, C, h, w) float32; empty where not wanted.
    """

    logits: Tensor
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]


def tap(
    model: nn.Module, network: nn.Module, images: Tensor, layers: Sequence[str], *, gradients: bool = True
) -> Tapped:
    """Activations of `layers` and the gradients of every class's logit, from one forward pass.

    The backward passes of all classes run as one batched pass and end at the earliest tapped layer; no parameter
    gets a gradient. The model runs in evaluation mode. Hooks, training flags and `requires_grad` flags are
    as before when the call returns or raises.

    Args:
        model: maps images (B, 3, H, W) to logits (B, K); may be `network` itself or a wrapper around it.
        network: the module whose submodules `layers` names.
        images: (B, 3, H, W), what `model` expects.
        layers: submodule names as `network.named_modules()` gives them.
        gradients: whether they are wanted; without, there is no backward pass.

    Raises:
        LayerError: unknown layer, a layer that does not run exactly once, an output that is not (B, C, h, w), or
            one that the logits do not depend on.
    """
    check_layers(network, layers)
    captured: dict[str, Tensor] = {}
    with torch.inference_mode(False), torch.enable_grad(), frozen(model), _hooked(network, layers, captured):
        logits = model(images)
        missing = [name for name in layers if name not in captured]
        if missing:
            raise LayerError(f"layer '{missing[0]}' does not run in the forward pass; tap a layer that does")
        if not logits.requires_grad:
            raise LayerError(_unrelated(layers[0]))
        found = _gradients(logits, captured, layers) if gradients else {}
    return Tapped(
        logits=logits.detach().float(),
        activations={name: captured[name].detach().float() for name in layers},
        gradients=found,
    )


def _gradients(logits: Tensor, captured: dict[str, Tensor], layers: Sequence[str]) -> dict[str, Tensor]:
    """Of every class's logit at every layer, in one batched backward pass; each (B, K, C, h, w) float32."""
    seeds = torch.eye(logits.shape[1], device=logits.device, dtype=logits.dtype)
    found = torch.autograd.grad(
        logits,
        [captured[name] for name in layers],
        seeds[:, None].expand(-1, len(logits), -1),  # (K, B, K)
        is_grads_batched=True,
        allow_unused=True,
    )
    for name, gradient in zip(layers, found, strict=True):
        if gradient is None:
            raise LayerError(_unrelated(name))
    return {name: gradient.transpose(0, 1).float() for name, gradient in zip(layers, found, strict=True)}


def check_layers(network: nn.Module, layers: Sequence[str]) -> None:
    """Raise LayerError unless every name in `layers` is a submodule of `network`, and named once."""
    known = [name for name, module in network.named_modules() if name and not any(module.children())]
    for name in layers:
        if layers.count(name) > 1:
            raise LayerError(f"layer '{name}' is named twice; name each layer once")
        if not name or name not in dict(network.named_modules()):
            raise LayerError(f"unknown layer '{name}'{closest(name, known)}; the layers are: {', '.join(known)}")


def _unrelated(layer: str) -> str:
    return f"the logits do not depend on layer '{layer}'; tap a layer on the way to them"


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and parameters that need no gradient, undone on exit."""
    training = [(module, module.training) for module in model.modules()]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, flag in training:
            module.training = flag
        for parameter in trainable:
            parameter.requires_grad_(True)


@contextmanager
def _hooked(network: nn.Module, layers: Sequence[str], captured: dict[str, Tensor]) -> Iterator[None]:
    """Forward hooks that fill `captured`, removed on exit."""
    handles: list[RemovableHandle] = []
    try:
        for name in layers:
            hook = _capture(name, captured)
            handles.append(network.get_submodule(name).register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _capture(name: str, captured: dict[str, Tensor]) -> Callable[..., Tensor]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> Tensor:
        if name in captured:
            raise LayerError(f"layer '{name}' runs more than once in a forward pass; tap a layer that runs once")
        if not isinstance(output, Tensor) or output.dim() != 4:
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise LayerError(f"layer '{name}' gives {shape}, a map needs (B, C, h, w); tap a convolution, ReLU or pool")
        # The graph starts at the earliest tapped layer: nothing before it needs a gradient.
        captured[name] = output if output.requires_grad else output.detach().requires_grad_()
        # What follows works on a copy, so that an in-place ReLU cannot overwrite what was captured.
        return captured[name].clone()

    return hook
