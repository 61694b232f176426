"""Drawn images for the loader: the picture with its annotations, and drawn again without each part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.drawn import BACKGROUND, REST_NAMES, STRIDE, Drawing, part_code
from datasets.geometry import Fit


@dataclass(frozen=True)
class Removals:
    """Images of a batch drawn again without one thing.

    Attributes:
        images: (V, 3, H, W) uint8.
        owners: index of the image in the batch, (V,) int64.
        codes: of what is taken away, (V,) int64: a `part_code` or `BACKGROUND`.
    """

    images: Tensor
    owners: Tensor
    codes: Tensor


def draw_annotated(drawing: Drawing, classes: Sequence[str], fit: Fit) -> tuple[Tensor, ...]:
    """An image as the loader gives it.

    Returns:
        Image (3, H, W) uint8; per class where its animal and its head is seen, each (K, H, W) uint8 of 0 and 1, on a
        one-animal image the animal's whatever the class; the code of the part seen at every pixel, (H, W) uint8.
    """
    drawn = drawing.draw()
    seen = {name: fit.mask(torch.tensor(parts)) for name, parts in drawn.parts.items()}
    coded = [parts + (parts > 0) * STRIDE * classes.index(name) for name, parts in seen.items()]
    owners = torch.stack([seen.get(name, next(iter(seen.values()))) for name in classes])  # (K, H, W), 1 to 7
    return (
        _fitted(drawn.picture, fit),
        (owners > 0).to(torch.uint8),
        (owners > len(REST_NAMES)).to(torch.uint8),
        torch.stack(coded).sum(dim=0).to(torch.uint8),
    )


def draw_removals(drawings: Sequence[Drawing | None], classes: Sequence[str], fit: Fit) -> Removals:
    """Every drawing without each of its parts; None is an image that is not drawn."""
    images, owners, codes = [torch.empty(0, 3, *fit.crop, dtype=torch.uint8)], [], []
    for owner, drawing in enumerate(drawings):
        for (class_name, name), picture in ({} if drawing is None else drawing.removals()).items():
            images.append(_fitted(picture, fit)[None])
            owners.append(owner)
            codes.append(part_code(classes.index(class_name), name) if class_name else BACKGROUND)
    return Removals(torch.cat(images), torch.tensor(owners).long(), torch.tensor(codes).long())


def _fitted(picture: NDArray[np.uint8], fit: Fit) -> Tensor:
    return fit.image(torch.tensor(picture).permute(2, 0, 1))
