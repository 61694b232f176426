"""What a map may ask for, on one batch: computed when first asked for, and once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from cam.across import Across, Reduction
from cam.attention import Attention, OfGradient
from cam.attention import Reduction as OverAttention
from cam.form import MAP, Form, named_prefix
from cam.head import TOLERANCE, Head
from cam.passes import curvature, gradient_of, tap_again
from cam.registry import MethodError
from cam.shuffled import shuffled
from cam.tap import Tapped, tap

ScoreFn = Callable[[Tensor], Tensor]


class Network:
    """A model whose layers can be tapped, and what is prepared for it once.

    Attributes:
        model: images (B, 3, H, W) to logits (B, K); `network` itself or a wrapper around it.
        network: the module whose submodules name the layers.
        reshape: how outputs that are no maps become maps, see `cam.form.form_of`.

    Raises:
        LayerError: an unknown name of a reshape.
    """

    def __init__(self, model: nn.Module, network: nn.Module | None = None, reshape: str = "auto") -> None:
        self.model, self.network = model, model if network is None else network
        named_prefix(reshape)
        self.reshape = reshape
        self._heads: dict[tuple[str, Form], Head] = {}
        self._shuffled: dict[float, Network] = {}
        self.across = Across(self.model, self.network)
        self.attention = Attention(self.model, self.network)

    def tap(self, images: Tensor, layers: Sequence[str], *, gradients: bool = True) -> Tapped:
        """What one forward pass leaves behind at these layers (see `cam.tap.tap`)."""
        return tap(self.model, self.network, images, layers, gradients=gradients, reshape=self.reshape)

    def head(self, layer: str, form: Form = MAP) -> Head:
        """The rest of the network from a layer on, whose output has this form."""
        if (layer, form) not in self._heads:
            self._heads[layer, form] = Head(self.model, self.network, layer, form)
        return self._heads[layer, form]

    def shuffled(self, share: float) -> "Network":
        """This network with a share of its layers' parameters shuffled (see `cam.shuffled`), made once."""
        if share not in self._shuffled:
            self._shuffled[share] = Network(*shuffled(self.model, self.network, share), self.reshape)
        return self._shuffled[share]


@dataclass(frozen=True, eq=False)
class Layer:
    """A tapped layer: its name, A (B, C, h, w) and G (B, K, C, h, w)."""

    name: str
    activations: Tensor
    gradients: Tensor


@dataclass(frozen=True, eq=False)
class MapBatch:
    """What the maps of a batch have in common.

    Attributes:
        network: that was tapped.
        tapped: logits, activations and gradients.
        images: in [0, 1], (B, 3, H, W).
        ids: of the images, B.
        seed: of the run.
        batch_size: images per forward pass.
        scored: images to logits, at most `batch_size` at a time; None asks the model.
        parts: code of the part seen at every pixel, (B, H, W), or None.
        part_effect: fall of every class's margin without a part, (B, K, P), or None.
    """

    network: Network
    tapped: Tapped
    images: Tensor
    ids: tuple[str, ...]
    seed: int = 0
    batch_size: int = 32
    scored: ScoreFn | None = None
    parts: Tensor | None = None
    part_effect: Tensor | None = None

    def at(self, layer: str) -> "MapInputs":
        """The inputs at one layer."""
        return MapInputs(self, layer)

    def score(self, images: Tensor) -> Tensor:
        """Logits (N, K) of images (N, 3, H, W) in [0, 1], any N."""
        scored = self.scored or self.network.model
        return torch.cat([scored(part) for part in images.split(self.batch_size)])

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All tapped layers in the order they were named."""
        found = self.tapped
        return tuple(Layer(name, found.activations[name], found.gradients[name]) for name in found.activations)


@dataclass(frozen=True, eq=False)
class MapInputs:
    """Named inputs (see `cam.registry.MAP_INPUTS`) of the maps at one layer."""

    batch: MapBatch
    layer: str

    @property
    def activations(self) -> Tensor:
        """A, (B, C, h, w)."""
        return self.batch.tapped.activations[self.layer]

    @property
    def gradients(self) -> Tensor:
        """G, (B, K, C, h, w)."""
        return self.batch.tapped.gradients[self.layer]

    @property
    def logits(self) -> Tensor:
        """z, (B, K)."""
        return self.batch.tapped.logits

    @property
    def images(self) -> Tensor:
        """The images, (B, 3, H, W)."""
        return self.batch.images

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids."""
        return self.batch.ids

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.batch.seed

    @property
    def classes(self) -> int:
        """K."""
        return self.logits.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return self.activations.shape[2], self.activations.shape[3]

    @property
    def score(self) -> ScoreFn:
        """Images to logits."""
        return self.batch.score

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All tapped layers."""
        return self.batch.layers

    @cached_property
    def head(self) -> Callable[..., Tensor]:
        """Activations at this layer to logits."""
        batch = self.batch
        rest = batch.network.head(self.layer, batch.tapped.forms.get(self.layer, MAP))
        return lambda activations, of=None: rest(activations, batch.images, batch.batch_size, of)

    @property
    def tap_again(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Other images (B, 3, H, W) to A and G at this layer."""
        of, size = self.batch.network, self.batch.batch_size
        return lambda images: tap_again(of.tap, self.layer, images, size)

    @cached_property
    def curvature(self) -> Tensor:
        """H_k A, (B, K, C, h, w)."""
        batch = self.batch
        rest = batch.network.head(self.layer, batch.tapped.forms.get(self.layer, MAP))
        return curvature(rest, self.activations, batch.images, batch.batch_size)

    @property
    def gradient_of(self) -> Callable[..., tuple[Tensor, Tensor]]:
        """Images and a class for each to logits and their gradients; `together` of them at a time."""
        model, size = self.batch.network.model, self.batch.batch_size
        return lambda images, classes, together=size: gradient_of(model, images, classes, together)

    @property
    def across(self) -> Callable[..., list[tuple[Tensor, ...]]]:
        """A kind of layers and a reduction to what it makes of each."""
        batch = self.batch

        def over(kind: str, reduce: Reduction, *, gradients: bool = True) -> list[tuple[Tensor, ...]]:
            return batch.network.across(kind, reduce, batch.images, self.layer, self.classes, gradients=gradients)

        return over

    @property
    def attention(self) -> Callable[..., Tensor]:
        """A reduction to what it makes of the attention of a transformer's blocks."""
        batch, form = self.batch, self.batch.tapped.forms.get(self.layer, MAP)

        def over(reduce: OverAttention, gradient: OfGradient | None = None) -> Tensor:
            return batch.network.attention(reduce, batch.images, self.layer, form, self.classes, gradient)

        return over

    @cached_property
    def classifier_weights(self) -> Tensor:
        """W (K, C) with logits = W mean(A) + b.

        Raises:
            MethodError: the network has no such head behind this layer.
        """
        pooled = self.activations.mean(dim=(-2, -1))  # (B, C)
        for module in reversed(list(self.batch.network.network.modules())):
            weight = getattr(module, "weight", None)
            if isinstance(module, nn.Linear | nn.Conv2d) and weight is not None:
                found = weight.detach().flatten(1).float()
                if found.shape != (self.classes, pooled.shape[1]):
                    break
                bias = 0 if module.bias is None else module.bias.detach().float()
                apart = (pooled @ found.T + bias - self.logits).abs()[pooled.isfinite().all(dim=1)]
                if (apart <= TOLERANCE * self.logits.abs().amax().clamp_min(1)).all():
                    return found
                break
        raise MethodError(
            f"classifier_weights are defined for global average pooling and one linear layer right behind the tap; "
            f"'{self.layer}' of this network is followed by something else; choose another method or layer"
        )

    @property
    def parts(self) -> Tensor:
        """Code of the part seen at every pixel, (B, H, W)."""
        return self._drawn("parts")

    @property
    def part_effect(self) -> Tensor:
        """Fall of every class's margin without a part, (B, K, P)."""
        return self._drawn("part_effect")

    def _drawn(self, name: str) -> Tensor:
        value: Tensor | None = getattr(self.batch, name)
        if value is None:
            raise MethodError(f"{name} is known of drawn images only; use --dataset synthetic")
        return value
