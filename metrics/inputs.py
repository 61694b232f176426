"""The inputs of the map metrics for one batch, one method and one layer, computed when first asked for."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from metrics.lift import cell_weights
from metrics.ordering import rank_pixels
from metrics.scaling import binary_scale, upsample

ROUNDING = 2.0**-20  # of bilinear interpolation, relative to a map's maximum, with room


@dataclass(frozen=True, eq=False)
class BatchInputs:
    """What the maps of a batch have in common.

    Attributes:
        size: (H, W) of the images.
        permutations: tie-breaking order per image, (B, H * W).
        logits: z on the full images, (B, K).
        rivals: the class that each class is held against, (B, K) int64 (see `metrics.margins`).
        masks: (B, K, H, W) uint8, or None.
        faces: (B, K, H, W) uint8, or None.
        images: in [0, 1], (B, 3, H, W); None where no metric asks for them.
        parts: (B, H, W) uint8, or None.
        part_effect: (B, K, P) float64, or None.
        certified: (B,) bool, or None.
    """

    size: tuple[int, int]
    permutations: Tensor
    logits: Tensor
    rivals: Tensor
    masks: Tensor | None = None
    faces: Tensor | None = None
    images: Tensor | None = None
    parts: Tensor | None = None
    part_effect: Tensor | None = None
    certified: Tensor | None = None


@dataclass(frozen=True, eq=False)
class MapInputs:
    """Named inputs (see `metrics.registry.INPUTS`) of the N = B * K maps of one method at one layer.

    Row b * K + k is image b, target k; the other class is the target's rival on that image. A map with a NaN or an
    infinity in it is undefined: an empty map stands in its place here, and `metrics.evaluation` gives it no value.

    Attributes:
        batch: what the methods and layers share.
        signed_maps: S, (B, K, h, w), as the method gave it.
        others: raw maps of each class on other images, (B * K, O, h, w), where they are known.
    """

    batch: BatchInputs
    signed_maps: Tensor
    others: Tensor | None = field(default=None, kw_only=True)

    @cached_property
    def defined_maps(self) -> Tensor:
        """Whether every cell of S is finite, (B, K) bool."""
        return self.signed_maps.isfinite().all(dim=-1).all(dim=-1)

    @cached_property
    def defined(self) -> Tensor:
        """The same by row, (N,)."""
        return self.defined_maps.flatten()

    @cached_property
    def other_defined(self) -> Tensor:
        """Whether the other class's map is defined, (N,)."""
        return self._of_rivals(self.defined_maps)

    @cached_property
    def finite_maps(self) -> Tensor:
        """S, with 0 in every cell of a map that is undefined."""
        return self.signed_maps.masked_fill(~self.defined_maps[..., None, None], 0)

    @cached_property
    def raw_maps(self) -> Tensor:
        """M = ReLU(S), (B, K, h, w)."""
        return self.finite_maps.relu()

    @cached_property
    def signed(self) -> Tensor:
        """Row b * K + k is S of image b, target k."""
        return self.finite_maps.flatten(0, 1)

    @cached_property
    def other_signed(self) -> Tensor:
        """The same of the other class."""
        return self._of_rivals(self.finite_maps)

    @cached_property
    def raw(self) -> Tensor:
        """M, flattened like `signed`."""
        return self.raw_maps.flatten(0, 1)

    @cached_property
    def other_raw(self) -> Tensor:
        """M of the other class."""
        return self._of_rivals(self.raw_maps)

    @cached_property
    def upsampled(self) -> Tensor:
        """M upsampled to the image."""
        scale = binary_scale(self.raw_maps).flatten(0, 1)
        limit = torch.finfo(self._upsampled.dtype).max  # rounding must not make an infinity of the largest number
        return (self._upsampled * scale).clamp(max=limit)

    @cached_property
    def ranks(self) -> Tensor:
        """Rank of every pixel, 0 highest."""
        return rank_pixels(self._upsampled, self._per_class(self.batch.permutations))

    @cached_property
    def _upsampled(self) -> Tensor:
        """The same with its scale taken out, so that no order depends on it."""
        return upsample(self.raw_maps / binary_scale(self.raw_maps), self.batch.size).flatten(0, 1)

    @cached_property
    def probability(self) -> Tensor:
        """Softmax probability of the target on the full image."""
        return self.batch.logits.double().softmax(dim=1).flatten()

    @cached_property
    def logits(self) -> Tensor:
        """Logits of the full image."""
        return self._per_class(self.batch.logits)

    @cached_property
    def images(self) -> Tensor | None:
        """The full image."""
        return None if self.batch.images is None else self._per_class(self.batch.images)

    @cached_property
    def target(self) -> Tensor:
        """Class index of the target."""
        count, classes = self.batch.logits.shape
        return torch.arange(classes, device=self.batch.logits.device).repeat(count)

    @cached_property
    def mask(self) -> Tensor | None:
        """The target's animal, None where no image has a mask."""
        return None if self.batch.masks is None else self.batch.masks.flatten(0, 1)

    @cached_property
    def other_mask(self) -> Tensor | None:
        """The other class's animal."""
        return None if self.batch.masks is None else self._of_rivals(self.batch.masks)

    @cached_property
    def face(self) -> Tensor | None:
        """The target's head boxes."""
        return None if self.batch.faces is None else self.batch.faces.flatten(0, 1)

    @cached_property
    def other_face(self) -> Tensor | None:
        """The other class's head."""
        return None if self.batch.faces is None else self._of_rivals(self.batch.faces)

    @cached_property
    def mask_weights(self) -> Tensor | None:
        """Weights of the cells in sums over the target's animal (see `metrics.lift.cell_weights`)."""
        return None if self.mask is None else cell_weights(self.mask, self._grid)

    @cached_property
    def face_weights(self) -> Tensor | None:
        """The same over the target's head boxes."""
        return None if self.face is None else cell_weights(self.face, self._grid)

    @cached_property
    def parts(self) -> Tensor | None:
        """The part seen at every pixel, None where nothing is drawn."""
        return None if self.batch.parts is None else self._per_class(self.batch.parts)

    @cached_property
    def part_effect(self) -> Tensor | None:
        """Fall of the target's margin without each part."""
        return None if self.batch.part_effect is None else self.batch.part_effect.flatten(0, 1)

    @cached_property
    def certified(self) -> Tensor | None:
        """Whether the scene counts as ground truth."""
        return None if self.batch.certified is None else self._per_class(self.batch.certified)

    @property
    def _grid(self) -> tuple[int, int]:
        return self.signed_maps.shape[2], self.signed_maps.shape[3]

    def _of_rivals(self, values: Tensor) -> Tensor:
        """(B, K, ...) to rows: the values of each target's rival."""
        images = torch.arange(len(values), device=values.device)[:, None]
        return values[images, self.batch.rivals].flatten(0, 1)

    def _per_class(self, values: Tensor) -> Tensor:
        return values.repeat_interleave(self.signed_maps.shape[1], dim=0)


def negated(inputs: MapInputs) -> MapInputs:
    """The inputs of max M - M, whose order is that of M read backwards, ties included."""
    raw = inputs.raw_maps
    return _Negated(inputs.batch, raw.amax(dim=(-2, -1), keepdim=True) - raw, inputs, others=inputs.others)


@dataclass(frozen=True, eq=False)
class _Negated(MapInputs):
    base: MapInputs

    @cached_property
    def defined_maps(self) -> Tensor:
        return self.base.defined_maps

    @cached_property
    def ranks(self) -> Tensor:
        height, width = self.batch.size
        return height * width - 1 - self.base.ranks

    @cached_property
    def _upsampled(self) -> Tensor:
        # of max M - M it would be the same but for rounding, which sets the pixels of a plateau apart
        raw = self.base.raw_maps
        scale, own = binary_scale(raw), binary_scale(self.raw_maps)
        top = (raw / scale).amax(dim=(-2, -1), keepdim=True)
        rest = top - self.base._upsampled.unflatten(0, raw.shape[:2])
        rest = rest.masked_fill(rest < ROUNDING * top, 0)  # a plateau at the top is 0
        return (rest * (scale / own)).flatten(0, 1)
