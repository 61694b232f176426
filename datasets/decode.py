"""Image files to pixels: JPEG by torchvision, all else by Pillow, nothing half-read."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from datasets.content import Stamp, UnreadableError, read_content, refusing
from datasets.geometry import turned
from datasets.masks import meaning
from datasets.pixels import decode, open_image, orientation_of, to_rgb
from datasets.records import printable

__all__ = ["UnreadableError", "read_image", "read_mask", "read_photograph"]

MIN_SIDE = 16  # pixels; smaller images explain nothing


def read_image(path: Path) -> Tensor:
    """Pixels of an image file, upright, in RGB, whatever its name says it is.

    The first frame of an animation; transparency is dropped; 16-bit values are scaled to 8.

    Returns:
        (3, H, W) uint8.

    Raises:
        UnreadableError: empty, damaged, truncated, too large, too small, of unknown scale, no file or no image.
    """
    return read_photograph(path)[0]


@refusing("cannot be read")
def read_photograph(path: Path, stamp: Stamp | None = None) -> tuple[Tensor, int]:
    """An image as `read_image` gives it, and how it was turned for that.

    Args:
        path: of the file.
        stamp: of the file when the run began, or None.

    Returns:
        (3, H, W) uint8; EXIF's orientation, 1 to 8.

    Raises:
        UnreadableError: as `read_image`, or changed since the run began.
    """
    content = read_content(path, stamp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata; what cannot be decoded raises
        image = open_image(content)
        if min(image.size) < MIN_SIDE:
            raise UnreadableError(f"{image.width}x{image.height} pixels, smaller than {MIN_SIDE}")
        orientation = orientation_of(image)
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            try:
                encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
                return decode_image(encoded, mode=ImageReadMode.RGB, apply_exif_orientation=True), orientation
            except RuntimeError:
                pass  # Pillow reads some files that torchvision does not, and names the fault of the others
        decode(image)
        with refusing(f"damaged {image.format}"):
            orientation = orientation_of(image)  # again: PNG may tell it after the pixels
            pixels = torch.from_numpy(to_rgb(image)).permute(2, 0, 1)
            return turned(pixels, orientation).contiguous(), orientation


def read_mask(path: Path, values: Mapping[int, int], stamp: Stamp | None = None) -> Tensor:
    """A mask file as 1 object, 0 background, 255 ignore; `datasets.masks` says how values are read.

    Args:
        path: an image; turned if its own EXIF data say so.
        values: value in the file to value in the mask.
        stamp: of the file when the run began, or None.

    Returns:
        (H, W) uint8.

    Raises:
        UnreadableError: no image, or a value that is not in `values`; it names the file.
    """
    name = printable(path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = open_image(read_content(path, stamp))
            decode(image)
        except UnreadableError as error:
            raise UnreadableError(f"mask '{name}' cannot be read: {error}") from error
        try:
            with refusing("cannot be understood"):
                mask = torch.from_numpy(meaning(image, values))
                return turned(mask, orientation_of(image)).contiguous()
        except UnreadableError as error:
            raise UnreadableError(f"mask '{name}' {error}") from error
