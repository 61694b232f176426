"""Maps of a batch: every method at every layer for every class, from one forward pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cam.tap import tap

MapFunction = Callable[[Tensor, Tensor], Tensor]


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


def compute_maps(
    model: nn.Module,
    network: nn.Module,
    images: Tensor,
    layers: Sequence[str],
    methods: Mapping[str, MapFunction],
) -> Maps:
    """Maps of every method at every layer for every class of the model.

    Args:
        model: maps images (B, 3, H, W) to logits (B, K).
        network: the module whose submodules `layers` names (see `cam.tap.tap`).
        images: (B, 3, H, W), what `model` expects.
        layers: submodule names.
        methods: name to function of activations (B, C, h, w) and gradients (B, K, C, h, w), giving S (B, K, h, w).

    Returns:
        Their maps; NaN where an activation or gradient behind a map is not finite, whatever a ReLU would make of it.

    Raises:
        LayerError: a layer that cannot be tapped.
    """
    tapped = tap(model, network, images, layers)
    signed = {}
    for layer in layers:
        activations, gradients = tapped.activations[layer], tapped.gradients[layer]
        undefined = ~(_finite(activations, 1)[:, None] & _finite(gradients, 2))[..., None, None]  # (B, K, 1, 1)
        for method, function in methods.items():
            signed[method, layer] = function(activations, gradients).masked_fill(undefined, torch.nan)
    return Maps(tapped.logits, signed)


def _finite(values: Tensor, keep: int) -> Tensor:
    """Whether all values are finite, over all dimensions after the first `keep`."""
    return values.isfinite().flatten(keep).all(dim=keep)


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear upsampling (align_corners=False) of maps (B, K, h, w) to (B, K, *size); values keep their scale."""
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
