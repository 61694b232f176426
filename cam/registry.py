"""What a map method is, and what it may ask for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from cam.contract import asked_for

# A method is a function of one or more of these, by parameter name; it returns the signed map S (B, K, h, w).
MAP_INPUTS = {
    "activations": "A at the layer (B, C, h, w)",
    "gradients": "G = dz_k / dA of every class's logit (B, K, C, h, w)",
    "logits": "z on the full images (B, K)",
    "images": "RGB in [0, 1] (B, 3, H, W)",
    "ids": "of the images, B",
    "seed": "of the run",
    "classes": "K, how many there are",
    "size": "(h, w) of the layer",
    "score": "function of images (N, 3, H, W) in [0, 1], any N, giving logits (N, K)",
    "head": "the rest of the network: head(activations (N, C, h, w), of=image number) gives logits (N, K)",
    "classifier_weights": "rows of the linear layer behind global average pooling (K, C)",
    "layers": "the tapped layers in order, each with name, activations and gradients",
    "tap_again": "function of changed images (B, 3, H, W) giving A and G at this layer there",
    "curvature": "H_k A, the Hessian of every class's logit times the activations (B, K, C, h, w)",
    "gradient_of": "function of images (N, 3, H, W) and classes (N,) giving logits and their gradients (N, 3, H, W)",
    "across": "function of a kind of layers and a reduction: what it makes of each such layer of the network",
    "attention": "function of a reduction: what it makes of the attention of a transformer's blocks, one row per image",
    "parts": "code of the part seen at every pixel of drawn images (B, H, W)",
    "part_effect": "fall of every class's margin when a part is taken away (B, K, P)",
}
BACKWARD = ("gradients", "layers", "curvature")  # inputs that need a backward pass
PASSES = (
    "score",
    "head",
    "tap_again",
    "curvature",
    "gradient_of",
    "across",
    "attention",
)  # inputs that run the network again
SPECIAL = ("classifier_weights", "attention")  # inputs that not every network has
TRUTH = ("parts", "part_effect")  # inputs that only drawn images have


class MethodError(ValueError):
    """A method that cannot be used: it asks for what there is not, here or at all."""


@dataclass(frozen=True)
class Method:
    """A registry entry: a function of inputs named by its parameters, and what a reader needs to know about it.

    Attributes:
        function: gives S (B, K, h, w); parameter names are keys of `MAP_INPUTS`.
        title: name for tables and figures.
        meaning: one line.
        source: paper, or "" for our own.
        kind: method; control, a map that no network decides; truth, known of drawn images alone.
        size: (h, w) of maps that were made elsewhere, the same whatever the images are; None: as large as the layer.
        finish: makes a tensor of a shape on a device of what a user's function returned, or says what is wrong.
        formula: S as one line of text, in the letters of `MAP_INPUTS`; "" for a function of the user's own.
        inputs: what the function asks for.
    """

    function: Callable[..., Tensor]
    title: str
    meaning: str = ""
    source: str = ""
    kind: Literal["method", "control", "truth"] = "method"
    size: tuple[int, int] | None = None
    finish: Callable[[object, tuple[int, ...], torch.device], Tensor] | None = None
    formula: str = ""
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", asked_for(self.function, MAP_INPUTS, f"method '{self.title}'", MethodError))

    def checked(self, found: object, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """What the function returned, as maps of that shape.

        Raises:
            MethodError: something else.
        """
        if self.finish is not None:
            return self.finish(found, shape, device)
        if not isinstance(found, Tensor) or tuple(found.shape) != shape:
            given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise MethodError(f"method '{self.title}' gave {given}, expected a tensor {shape}")
        return found

    @property
    def needs_gradients(self) -> bool:
        """Whether it needs a backward pass."""
        return any(name in BACKWARD for name in self.inputs)

    @property
    def fast(self) -> bool:
        """Whether the one pass that all maps share is all it needs of the network."""
        return not any(name in PASSES for name in self.inputs)

    @property
    def needs_truth(self) -> bool:
        """Whether it is defined on drawn images alone."""
        return any(name in TRUTH for name in self.inputs)
