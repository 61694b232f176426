"""Capture of activations and gradients: one forward pass, every class, every layer."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cam.contract import closest
from cam.form import MAP, Form, LayerError, form_of, named_prefix


@dataclass(frozen=True)
class Tapped:
    """What one forward pass leaves behind.

    Attributes:
        logits: z, (B, K) float32.
        activations: A per layer, (B, C, h, w) float32.
        gradients: G = dz_k / dA per layer for every class k, (B, K, C, h, w) float32; empty where not wanted.
        forms: per layer how its output lies in memory.
    """

    logits: Tensor
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]
    forms: dict[str, Form] = field(default_factory=dict)


def tap(
    model: nn.Module,
    network: nn.Module,
    images: Tensor,
    layers: Sequence[str],
    *,
    gradients: bool = True,
    reshape: str = "auto",
) -> Tapped:
    """Activations of `layers` and the gradients of every class's logit, from one forward pass.

    The backward passes of all classes run as one batched pass and end at the earliest tapped layer; no parameter
    gets a gradient. The model runs in evaluation mode. Hooks, training flags and `requires_grad` flags are
    as before when the call returns or raises. Tokens and maps with channels last become (B, C, h, w).

    Args:
        model: maps images (B, 3, H, W) to logits (B, K); may be `network` itself or a wrapper around it.
        network: the module whose submodules `layers` names.
        images: (B, 3, H, W), what `model` expects.
        layers: submodule names as `network.named_modules()` gives them; `name#2` is the second run of a module that
            runs several times.
        gradients: whether they are wanted; without, there is no backward pass.
        reshape: how outputs become maps, see `cam.form.form_of`.

    Raises:
        LayerError: unknown layer, a layer that does not run, or more than once without saying which run, an output
            that is no map, or one that the logits do not depend on.
    """
    check_layers(network, layers)
    named_prefix(reshape)
    captures = {name: _Capture(network, name, images, reshape) for name in layers}
    with torch.inference_mode(False), torch.enable_grad(), frozen(model), _hooked(captures.values()):
        logits = model(images)
        outputs = {name: capture.found() for name, capture in captures.items()}
        if not logits.requires_grad:
            raise LayerError(_unrelated(layers[0]))
        forms = {name: capture.form for name, capture in captures.items()}
        found = _gradients(logits, outputs) if gradients else {}
    return Tapped(
        logits=logits.detach().float(),
        activations={name: forms[name].to_map(output.detach().float()) for name, output in outputs.items()},
        gradients={name: forms[name].to_map(gradient) for name, gradient in found.items()},
        forms=forms,
    )


def _gradients(logits: Tensor, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of every class's logit at every layer, in one batched backward pass; each (B, K, ...) float32."""
    seeds = torch.eye(logits.shape[1], device=logits.device, dtype=logits.dtype)
    found = torch.autograd.grad(
        logits,
        list(outputs.values()),
        seeds[:, None].expand(-1, len(logits), -1),  # (K, B, K)
        is_grads_batched=True,
        allow_unused=True,
    )
    for name, gradient in zip(outputs, found, strict=True):
        if gradient is None:
            raise LayerError(_unrelated(name))
    return {name: gradient.transpose(0, 1).float() for name, gradient in zip(outputs, found, strict=True)}


def place(network: nn.Module, layer: str) -> tuple[str, int | None]:
    """The module that a layer names, and which of its runs: None where it should run once.

    Raises:
        LayerError: the network has no such module; the message gives the closest name.
    """
    modules = dict(network.named_modules(remove_duplicate=False))
    name, _, run = layer.rpartition("#")
    if layer and layer in modules:
        return layer, None
    if name and name in modules and run.isdecimal() and int(run):
        return name, int(run)
    known = [name for name, module in network.named_modules() if name and not any(module.children())]
    raise LayerError(f"unknown layer '{layer}'{closest(layer, known)}; the layers are: {', '.join(known)}")


def check_layers(network: nn.Module, layers: Sequence[str]) -> None:
    """Raise LayerError unless every name in `layers` is a submodule of `network`, and named once."""
    for name in layers:
        if layers.count(name) > 1:
            raise LayerError(f"layer '{name}' is named twice; name each layer once")
        place(network, name)


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


class _Capture:
    """A forward hook that keeps the output of one run of a module."""

    def __init__(self, network: nn.Module, layer: str, images: Tensor, reshape: str) -> None:
        name, self.run = place(network, layer)
        self.layer, self.module, self.reshape = layer, network.get_submodule(name), reshape
        self.size = (images.shape[-2], images.shape[-1])
        self.runs = 0
        self.form = MAP
        self.output: Tensor | None = None

    def __call__(self, module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        """Captures the output and hands on a copy of it."""
        self.runs += 1
        if self.runs != (self.run or 1):
            return None
        try:
            self.form = form_of(output, self.size, self.reshape, module)
        except LayerError as error:
            raise LayerError(f"layer '{self.layer}' {error}") from error
        # The graph starts at the earliest tapped layer: nothing before it needs a gradient.
        self.output = output if output.requires_grad else output.detach().requires_grad_()
        # What follows works on a copy, so that an in-place ReLU cannot overwrite what was captured.
        return self.output.clone()

    def found(self) -> Tensor:
        """The output, once the network ran."""
        if self.runs > 1 and self.run is None:
            raise LayerError(
                f"layer '{self.layer}' runs more than once in a forward pass; name one of its {self.runs} runs, "
                f"such as {self.layer}#{self.runs}"
            )
        if self.output is None:
            often = f"; its module runs {self.runs} times" if self.runs else ""
            raise LayerError(f"layer '{self.layer}' does not run in the forward pass{often}; tap a layer that does")
        return self.output


@contextmanager
def _hooked(captures: Iterable[_Capture]) -> Iterator[None]:
    """Forward hooks, removed on exit."""
    handles = [capture.module.register_forward_hook(capture) for capture in captures]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
