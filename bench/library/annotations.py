"""What a caller says of the images: labels and masks, in the forms that people have them in."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import ConfigError
from bench.names import unknown
from metrics.localisation import IGNORE
from weights.classes import canonical

LABELS = "expected a class per image: names, numbers from 0, or presence (N, K)"


def as_tensor(what: str, values: Any) -> Tensor:
    """A tensor of a tensor or of a NumPy array of numbers.

    Raises:
        ConfigError: something else.
    """
    if isinstance(values, Tensor) and values.layout == torch.strided and not values.is_complex():
        return values.detach()
    if type(values) is np.ndarray and values.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")))
    raise ConfigError(f"{what} are a {type(values).__name__}, expected a tensor or a NumPy array of real numbers")


def label_array(labels: Any, count: int) -> np.ndarray:
    """Labels of `count` images, (count,) or (count, K).

    Raises:
        ConfigError: more or fewer, or something else.
    """
    values = _array(labels)
    if values.ndim not in (1, 2) or len(values) != count:
        raise ConfigError(f"labels have the shape {values.shape} for {count} images, {LABELS}")
    return values


def presence(values: np.ndarray, classes: Sequence[str], first: int = 0) -> Tensor:
    """Which classes each image shows, (n, K) bool.

    Args:
        values: a name or a number for each image, or (n, K) of 0 and 1; names of several classes joined by +.
        classes: K names.
        first: number of the first image, for messages.

    Raises:
        ConfigError: other labels, or an image of no class.
    """
    if values.ndim == 2:
        return _from_matrix(values, classes, first)
    if values.dtype.kind in "iu":
        return _from_numbers(values, classes, first)
    if values.dtype.kind == "U" or all(isinstance(value, str) for value in values):
        return _from_names([str(value) for value in values], classes)
    raise ConfigError(f"labels are {values.dtype} of shape {values.shape}, {LABELS}")


def masks_of(masks: Tensor, present: Tensor, size: tuple[int, int], first: int = 0) -> Tensor:
    """Masks (n, K, H, W) uint8: 1 object, 0 background, 255 not known.

    An image of one class has one object, against which the maps of all classes are held. On an image of several classes
    each has its own; one mask (n, H, W) for all says of it nothing.

    Args:
        masks: (n, H, W) or (n, K, H, W) of 0, 1 and 255.
        present: (n, K) bool.
        size: (H, W).
        first: number of the first image, for messages.

    Raises:
        ConfigError: another shape, or other values.
    """
    count, classes = present.shape
    shapes = (count, *size), (count, classes, *size)
    if tuple(masks.shape) not in shapes:
        raise ConfigError(f"masks have the shape {tuple(masks.shape)}, expected {shapes[0]} or {shapes[1]}")
    found = masks.detach().cpu()
    known = ((found == 0) | (found == 1) | (found == IGNORE)).flatten(1).all(dim=1)
    if not known.all():
        image = int((~known).nonzero()[0])
        odd = found[image][(found[image] != 0) & (found[image] != 1) & (found[image] != IGNORE)].flatten()[0]
        raise ConfigError(
            f"the mask of image {first + image} holds {odd.item():g}, expected 1 object, 0 background, 255 not known"
        )
    several = present.sum(dim=1) > 1
    found = found.to(torch.uint8)
    if found.dim() == 3:
        each = found[:, None].expand(-1, classes, -1, -1).clone()
        each[several] = IGNORE
        return each
    own = found[torch.arange(count), present.int().argmax(dim=1)][:, None].expand(-1, classes, -1, -1)
    return torch.where(several[:, None, None, None], found, own)


def _array(labels: Any) -> np.ndarray:
    if isinstance(labels, Tensor):
        labels = labels.detach().cpu()
        return np.asarray(labels.float() if labels.is_floating_point() else labels)
    if isinstance(labels, str | bytes | dict | set):
        raise ConfigError(f"labels are a {type(labels).__name__}, {LABELS}")
    try:
        return np.asarray(labels)
    except ValueError as error:  # rows of several lengths
        raise ConfigError(f"labels are rows of several lengths, {LABELS}") from error


def _from_matrix(values: np.ndarray, classes: Sequence[str], first: int) -> Tensor:
    if values.dtype.kind not in "biuf" or values.shape[1] != len(classes) or not np.isin(values, (0, 1)).all():
        wanted = f"(N, {len(classes)}) of 0 and 1 for {', '.join(classes[:5])}"
        raise ConfigError(f"labels have the shape {values.shape} of {values.dtype}, expected presence {wanted}")
    found = torch.from_numpy(values.astype(bool))
    empty = (~found.any(dim=1)).nonzero().flatten().tolist()
    if empty:
        raise ConfigError(f"labels say that image {first + empty[0]} shows no class; leave it out")
    return found


def _from_numbers(values: np.ndarray, classes: Sequence[str], first: int) -> Tensor:
    wrong = np.flatnonzero((values < 0) | (values >= len(classes)))
    if len(wrong):
        raise ConfigError(
            f"label of image {first + wrong[0]} is {values[wrong[0]]}, expected 0 to {len(classes) - 1} for "
            f"{', '.join(classes[:5])}"
        )
    return torch.nn.functional.one_hot(torch.from_numpy(values.astype(np.int64)), len(classes)).bool()


def _from_names(names: Sequence[str], classes: Sequence[str]) -> Tensor:
    found = torch.zeros(len(names), len(classes), dtype=torch.bool)
    for row, name in zip(found, names, strict=True):
        for part in [name] if name in classes else canonical(tuple(name.split("+"))):
            if part not in classes:
                raise ConfigError(unknown("class", part, classes))
            row[list(classes).index(part)] = True
    return found
