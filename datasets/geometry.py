"""Turn, resize and crop, the same for an image, its mask and its boxes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from datasets.content import UnreadableError
from datasets.pixels import MAX_PIXELS
from datasets.records import Box

OBJECT, IGNORE = 1, 255


def turned(pixels: Tensor, orientation: int) -> Tensor:
    """A stored picture upright: (..., H, W) turned and mirrored as EXIF's orientation 1 to 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(-2, -1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels.flip(-1)
    return pixels.flip(-2) if orientation in (3, 4, 7, 8) else pixels


def upright_mask(mask: Tensor, size: tuple[int, int], orientation: int) -> Tensor:
    """The mask of a photograph that was turned: as it is if it has the upright size, turned if it has the stored one.

    Mirrored, upside down or square, a photograph has the same size either way. Then nothing tells whether the mask was
    turned with it, and a guess would score maps against an animal that is elsewhere: refused, unless it is the same.

    Args:
        mask: (H, W).
        size: height and width of the upright photograph.
        orientation: of the photograph, EXIF's 1 to 8.

    Raises:
        UnreadableError: another size, or not certain; the message goes on after the mask's name.
    """
    other = turned(mask, orientation)
    if tuple(mask.shape) == size:
        if tuple(other.shape) == size and not torch.equal(mask, other):
            raise UnreadableError(
                f"may be turned or not: the photograph's EXIF orientation is {orientation}, and its size is the same "
                "either way; save the photograph upright, without the orientation"
            )
        return mask
    if tuple(other.shape) == size and orientation > 4:
        return other
    found, expected = ("x".join(map(str, reversed(s))) for s in (tuple(mask.shape), size))
    raise UnreadableError(f"is {found} pixels, the image {expected}")


@dataclass(frozen=True)
class Fit:
    """From any picture to one size: the shorter side resized, then the centre cropped.

    Attributes:
        resize: shorter side, pixels.
        crop: height and width of the centre crop, pixels, both at most `resize`.
        interpolation: bilinear or bicubic, of pictures; masks take the nearest pixel.
    """

    resize: int
    crop: tuple[int, int]
    interpolation: str = "bilinear"

    def image(self, image: Tensor) -> Tensor:
        """A picture, antialiased; (3, H, W) uint8 to (3, h, w) uint8.

        Raises:
            UnreadableError: so long and thin that the resized picture would not fit the memory.
        """
        height, width = image.shape[-2:]
        if max(height, width) * self.resize**2 > MAX_PIXELS * min(height, width):
            raise UnreadableError(f"{width}x{height} pixels, too long and thin to resize to {self.resize}")
        mode = InterpolationMode(self.interpolation)
        fitted: Tensor = tv.center_crop(tv.resize(image, [self.resize], mode, antialias=True), list(self.crop))
        return fitted

    def mask(self, mask: Tensor) -> Tensor:
        """The same geometry for (H, W) uint8, nearest neighbour."""
        resized = tv.resize(mask[None], [self.resize], interpolation=InterpolationMode.NEAREST_EXACT)
        fitted: Tensor = tv.center_crop(resized, list(self.crop))[0]
        return fitted


def fit_of(resize: int, crop: int | tuple[int, int], interpolation: str = "bilinear") -> Fit:
    """The same with one number for a square crop."""
    return Fit(resize, crop if isinstance(crop, tuple) else (crop, crop), interpolation)


def paint_boxes(boxes: Iterable[Box], size: tuple[int, int]) -> Tensor:
    """1 inside any box, 0 outside, (H, W) uint8 at full size; a pixel belongs to a box if its centre does.

    What lies outside the image is cut off.

    Raises:
        UnreadableError: a box covers no pixel of the image.
    """
    height, width = size
    mask = torch.zeros(height, width, dtype=torch.uint8)
    for box in boxes:
        xmin, ymin, xmax, ymax = box.in_pixels(width, height)
        rows, columns = _centres(ymin, ymax, height), _centres(xmin, xmax, width)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            corners = f"{box.xmin:g} {box.ymin:g} {box.xmax:g} {box.ymax:g}"
            said = f"{box.part} box {corners} is outside the image of {width}x{height} pixels"
            raise UnreadableError(box.from_where + said)
        mask[rows, columns] = OBJECT
    return mask


def _centres(low: float, high: float, count: int) -> slice:
    """Those of `count` pixels whose centres lie from `low` up to, not including, `high`."""
    return slice(max(0, math.ceil(low - 0.5)), min(count, math.ceil(high - 0.5)))
