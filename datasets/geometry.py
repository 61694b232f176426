"""Resize and crop, the same for an image, its mask and its boxes."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from datasets.records import Box

OBJECT, IGNORE = 1, 255


def fit_image(image: Tensor, resize: int, crop: int) -> Tensor:
    """Shorter side to `resize` (bilinear, antialiased), centre crop; (3, H, W) uint8 to (3, crop, crop) uint8."""
    fitted: Tensor = tv.center_crop(tv.resize(image, [resize], antialias=True), [crop, crop])
    return fitted


def fit_mask(mask: Tensor, resize: int, crop: int) -> Tensor:
    """The same geometry for (H, W) uint8, nearest neighbour."""
    resized = tv.resize(mask[None], [resize], interpolation=InterpolationMode.NEAREST_EXACT)
    fitted: Tensor = tv.center_crop(resized, [crop, crop])[0]
    return fitted


def paint_boxes(boxes: Iterable[Box], size: tuple[int, int]) -> Tensor:
    """1 inside any box, 0 outside, (H, W) uint8 at full size; a pixel belongs to a box if its centre does."""
    height, width = size
    mask = torch.zeros(height, width, dtype=torch.uint8)
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    for box in boxes:
        inside_rows = (rows >= box.ymin) & (rows < box.ymax)
        inside_columns = (columns >= box.xmin) & (columns < box.xmax)
        mask[inside_rows[:, None] & inside_columns] = OBJECT
    return mask
