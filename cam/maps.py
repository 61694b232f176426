"""Maps of a batch: every method at every layer for every class, from one forward pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.contract import call
from cam.inputs import MapBatch, MapInputs, Network
from cam.registry import Method
from cam.tap import Tapped


@dataclass(frozen=True)
class Maps:
    """Maps of one batch.

    Attributes:
        logits: (B, K) float32.
        signed: per (method, layer) the score map S before the ReLU, (B, K, h, w) float32.
    """

    logits: Tensor
    signed: dict[tuple[str, str], Tensor]

    def raw(self, method: str, layer: str) -> Tensor:
        """The map M = ReLU(S), (B, K, h, w): native resolution, never rescaled, at least 0."""
        return self.signed[method, layer].relu()


def compute_maps(network: Network, images: Tensor, layers: Sequence[str], methods: Mapping[str, Method]) -> Maps:
    """Maps of every method at every layer for every class of the model, for images without a name.

    Args:
        network: the model, and the module whose submodules `layers` names.
        images: (B, 3, H, W), what the model expects.
        layers: submodule names.
        methods: by name.

    Raises:
        LayerError: a layer that cannot be tapped.
        MethodError: a method that asks for what this network does not have.
    """
    tapped = tap_for(network, images, layers, methods)
    ids = tuple(map(str, range(len(images))))
    return Maps(tapped.logits, maps_of(MapBatch(network, tapped, images, ids), methods))


def tap_for(network: Network, images: Tensor, layers: Sequence[str], methods: Mapping[str, Method]) -> Tapped:
    """What the methods need of one forward pass; gradients only if one of them asks for them."""
    gradients = any(method.needs_gradients for method in methods.values())
    return network.tap(images, layers, gradients=gradients)


def maps_of(
    batch: MapBatch, methods: Mapping[str, Method], layers: Sequence[str] | None = None
) -> dict[tuple[str, str], Tensor]:
    """Signed maps (B, K, h, w) by method and layer, in the order of the layers (None: all), then of the methods.

    NaN where an activation or gradient behind a map is not finite, whatever a ReLU would make of it.

    Raises:
        MethodError: a method that asks for what there is not, or gives something else than such maps.
    """
    found = {}
    for layer in batch.tapped.activations if layers is None else layers:
        inputs = batch.at(layer)
        shape = (len(batch.images), inputs.classes, *inputs.size)
        for name, method in methods.items():
            maps = method.checked(call(method.function, method.inputs, inputs), shape, batch.images.device)
            found[name, layer] = maps.masked_fill(~_founded(inputs, method)[..., None, None], torch.nan)
    return found


def _founded(inputs: MapInputs, method: Method) -> Tensor:
    """Whether all that a map is made of is finite, (B, K) bool."""
    images, classes = inputs.logits.shape
    sound = torch.ones(images, classes, dtype=torch.bool, device=inputs.logits.device)
    layers = [inputs.batch.at(layer.name) for layer in inputs.layers] if "layers" in method.inputs else [inputs]
    for there in layers:
        if {"activations", "layers"} & set(method.inputs):
            sound &= _finite(there.activations, 1)[:, None]
        if {"gradients", "layers"} & set(method.inputs):
            sound &= _finite(there.gradients, 2)
    return sound


def _finite(values: Tensor, keep: int) -> Tensor:
    """Whether all values are finite, over all dimensions after the first `keep`: 0 times each is 0, a quick test."""
    return (values * 0).flatten(keep).sum(dim=keep) == 0


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear upsampling (align_corners=False) of maps (B, K, h, w) to (B, K, *size); values keep their scale."""
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
