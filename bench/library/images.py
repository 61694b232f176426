"""A caller's images, labels and masks, checked, as batches of the engine's: from tensors, or as they stream by."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import ConfigError
from bench.library.annotations import as_tensor, label_array, masks_of, presence
from bench.userfunctions import called
from datasets import Batch

PIECE = 256  # images of a tensor that are looked at together
ROUNDING = 1e-6  # by which resizing may leave [0, 1]
BATCHES = "expected a tensor (N, 3, H, W), or batches (images, labels) or (images, labels, masks)"


@dataclass(frozen=True)
class Piece:
    """Some images in a row, as they were given.

    Attributes:
        images: (n, 3, H, W).
        labels: of n images.
        masks: of n images, or None.
        first: number of the first image.
    """

    images: Tensor
    labels: np.ndarray
    masks: Tensor | None
    first: int

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.images.shape[2], self.images.shape[3]


@dataclass(frozen=True)
class Checked:
    """Images (n, 3, H, W) float32 in [0, 1], present (n, K), masks (n, K, H, W) or None; on the host."""

    images: Tensor
    present: Tensor
    masks: Tensor | None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, start: int, end: int) -> "Checked":
        """Some of them."""
        masks = None if self.masks is None else self.masks[start:end]
        return Checked(self.images[start:end], self.present[start:end], masks)


class Images:
    """What is scored, in order. Batches are made of it once, and then all is known.

    Attributes:
        size: (H, W).
        masked: whether there are masks.
        ids: of the images that passed.
        labels: names of the classes of each, joined by +.
    """

    def __init__(self, images: Any, labels: Any, masks: Any, ids: Sequence[str] | None = None) -> None:
        """Looks at the first images.

        Args:
            images: (N, 3, H, W) in [0, 1], or batches (images, labels) or (images, labels, masks).
            labels: names, numbers or presence (N, K) beside a tensor.
            masks: (N, H, W) or (N, K, H, W) beside a tensor, or None.
            ids: a name for every image; None numbers them.

        Raises:
            ConfigError: nothing to score, or something else.
        """
        self._given_ids = None if ids is None else checked_ids(ids)
        self.ids: list[str] = []
        self.labels: list[str] = []
        self._digest = hashlib.sha256()
        self._pieces = _of_tensor(images, labels, masks) if _is_array(images) else _streamed(images, labels, masks)
        first = next(self._pieces, None)
        if first is None:
            raise ConfigError(f"images are empty; {BATCHES}")
        self._first = first
        self.size, self.masked = first.size, first.masks is not None

    def batches(self, size: int, classes: Sequence[str]) -> Iterator[Batch]:
        """All images in batches of that size, whatever they came in; only the last one may be smaller.

        Args:
            size: of a batch.
            classes: K names in the order of the logits.

        Raises:
            ConfigError: something is not as it should be.
        """
        held: list[Checked] = []
        for piece in chain([self._first], self._pieces):
            checked, start = self._checked(piece, classes), 0
            while start < len(checked):
                end = start + size - sum(map(len, held))
                held.append(checked.part(start, end))
                start = end
                if sum(map(len, held)) == size:
                    yield self._batch(held, classes)
                    held = []
        if held:
            yield self._batch(held, classes)
        if self._given_ids is not None and len(self._given_ids) > len(self.ids):
            raise ConfigError(f"ids are {len(self._given_ids)} names for {len(self.ids)} images; expected one for each")

    def record(self) -> dict[str, Any]:
        """What the manifest says of them, once all have passed."""
        return {
            "name": "in memory",
            "root": "",
            "split": None,
            "n": len(self.ids),
            "labels": dict(sorted(Counter(self.labels).items())),
            "fingerprint": self._digest.hexdigest(),
            "notes": [],
        }

    def _batch(self, held: list[Checked], classes: Sequence[str]) -> Batch:
        images = torch.cat([part.images for part in held])
        present = torch.cat([part.present for part in held])
        masks = torch.cat([part.masks for part in held if part.masks is not None]) if self.masked else None
        first, ids = len(self.ids), self._next_ids(len(images))
        labels = ["+".join(sorted(classes[k] for k in row.nonzero().flatten().tolist())) for row in present]
        for place, (name, label) in enumerate(zip(ids, labels, strict=True)):
            self._digest.update(repr((name, label)).encode())
            for values in (images, masks):
                self._digest.update(b"-" if values is None else values[place].numpy().tobytes())
        self.ids += ids
        self.labels += labels
        return Batch(tuple(ids), tuple(range(first, len(self.ids))), images, present, masks, None, None, None, ())

    def _next_ids(self, count: int) -> list[str]:
        first = len(self.ids)
        if self._given_ids is None:
            return numbered(first, first + count)
        found = self._given_ids[first : first + count]
        if len(found) < count:
            raise ConfigError(f"ids are {len(self._given_ids)} names and there are more images; expected one for each")
        return found

    def _checked(self, piece: Piece, classes: Sequence[str]) -> Checked:
        if piece.size != self.size:
            raise ConfigError(f"images are {piece.size} and {self.size} pixels large, expected one size; resize them")
        if (piece.masks is not None) != self.masked:
            raise ConfigError("some batches have masks and others have none; give masks with all, 255 where not known")
        images = piece.images.float().cpu()
        low, high = (float(value) for value in images.aminmax())
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # nor NaN
            raise ConfigError(
                f"images span {low:.3g} to {high:.3g}, expected values in [0, 1]; give them as they are before "
                "normalisation, and mean= and std= of it"
            )
        present = presence(piece.labels, classes, piece.first)
        masks = None if piece.masks is None else masks_of(piece.masks, present, self.size, piece.first)
        return Checked(images, present, masks)


def _of_tensor(images: Any, labels: Any, masks: Any) -> Iterator[Piece]:
    images = _checked_shape(images)
    if labels is None:
        raise ConfigError("labels are missing; give a class per image: names, numbers, or presence (N, K)")
    labels = label_array(labels, len(images))
    masks = None if masks is None else as_tensor("masks", masks)
    if masks is not None and len(masks) != len(images):
        raise ConfigError(f"masks have the shape {tuple(masks.shape)}, expected one for each of {len(images)} images")
    for start in range(0, len(images), PIECE):
        place = slice(start, start + PIECE)
        yield Piece(images[place], labels[place], None if masks is None else masks[place], start)


def _streamed(batches: Any, labels: Any, masks: Any) -> Iterator[Piece]:
    if labels is not None or masks is not None:
        raise ConfigError("labels or masks are given beside batches, which hold their own: (images, labels[, masks])")
    if not isinstance(batches, Iterable):
        raise ConfigError(f"images are a {type(batches).__name__}, {BATCHES}")
    iterator, first, number = called("images", iter, batches), 0, 0
    while (batch := called(f"images, batch {number}", next, iterator, None)) is not None:
        parts = tuple(batch) if isinstance(batch, tuple | list) else ()
        if len(parts) not in (2, 3):
            kind = f"{len(parts)} things" if parts else f"a {type(batch).__name__}"
            raise ConfigError(f"batch {number} of the images is {kind}, expected (images, labels[, masks])")
        images = _checked_shape(parts[0])
        masks = None if len(parts) == 2 or parts[2] is None else as_tensor("masks", parts[2])
        if len(images):
            yield Piece(images, label_array(parts[1], len(images)), masks, first)
        first, number = first + len(images), number + 1


def numbered(first: int, end: int) -> list[str]:
    """Ids of images that have no names."""
    return [f"{number:06d}" for number in range(first, end)]


def checked_ids(ids: Sequence[str]) -> list[str]:
    """Names of images, each once.

    Raises:
        ConfigError: they are not.
    """
    names = list(ids)
    wrong = next((name for name in names if not isinstance(name, str) or not name or not name.isprintable()), None)
    if wrong is not None or isinstance(ids, str):
        raise ConfigError(f"ids hold {wrong!r:.60}, expected a text for every image, such as the names of the files")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ConfigError(f"ids hold '{twice}' twice, expected another for every image")
    return names


def _is_array(images: Any) -> bool:
    return isinstance(images, Tensor | np.ndarray)


def _checked_shape(images: Any) -> Tensor:
    """Images as a tensor (n, 3, H, W) of floats."""
    if not _is_array(images):
        raise ConfigError(f"images are a {type(images).__name__}, {BATCHES}")
    images = as_tensor("images", images)
    if images.dim() != 4 or images.shape[1] != 3 or not all(images.shape[2:]):
        hint = "; move the channels to the front with permute(0, 3, 1, 2)" if images.shape[-1:] == (3,) else ""
        hint = "; wrap the data set into a DataLoader" if images.dim() == 3 else hint
        raise ConfigError(f"images have the shape {tuple(images.shape)}, expected (N, 3, H, W), RGB{hint}")
    if not images.is_floating_point():
        raise ConfigError(f"images are {images.dtype}, expected floats in [0, 1]; give images / 255")
    return images
