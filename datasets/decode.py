"""Image files to pixels: torchvision where it is right, Pillow for the rest, nothing half-read."""

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

MAX_PIXELS = 178_956_970  # a decoded image of half a gigabyte; more is a decompression bomb
MIN_SIDE = 16  # pixels; smaller images explain nothing


class UnreadableError(ValueError):
    """An image that is skipped; the message is the reason."""


def read_image(path: Path) -> Tensor:
    """Pixels of an image file, upright, in RGB, whatever its name says it is.

    The first frame of an animation; transparency is dropped; 16-bit values are scaled to 8.

    Returns:
        (3, H, W) uint8.

    Raises:
        UnreadableError: empty, truncated, too large, too small, or no image.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror}") from error
    if not content:
        raise UnreadableError("empty file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata; what cannot be decoded raises
        header = _header(content)
        if header.format in ("JPEG", "PNG") and header.mode in ("RGB", "L", "RGBA"):
            try:
                encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
                return decode_image(encoded, mode=ImageReadMode.RGB, apply_exif_orientation=True)
            except RuntimeError:
                pass  # Pillow reads some files that torchvision does not, and names the fault of the others
        return _decode_with_pillow(header)


def read_mask(path: Path, values: dict[int, int]) -> Tensor:
    """A mask file as 1 object, 0 background, 255 ignore.

    Args:
        path: an image of one channel, or a palette image whose indices count.
        values: pixel value in the file to value in the mask.

    Returns:
        (H, W) uint8.

    Raises:
        UnreadableError: no image, or a value that is not in `values`.
    """
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image if image.mode in ("L", "P", "1") else image.convert("L"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableError(f"mask '{path.name}' cannot be read: {error}") from error
    table = np.full(256, 254, dtype=np.uint8)
    for source, meaning in values.items():
        table[source] = meaning
    mask = table[pixels]
    if (mask == 254).any():
        odd = int(pixels[mask == 254][0])
        known = ", ".join(map(str, sorted(values)))
        raise UnreadableError(f"mask '{path.name}' holds the value {odd}, expected {known}")
    return torch.from_numpy(mask)


def _header(content: bytes) -> Image.Image:
    """The image opened but not decoded, its size checked."""
    try:
        image = Image.open(io.BytesIO(content))
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"decompression bomb: {error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UnreadableError("no image that can be read") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"decompression bomb: {width}x{height} pixels, more than {MAX_PIXELS}")
    if min(width, height) < MIN_SIDE:
        raise UnreadableError(f"{width}x{height} pixels, smaller than {MIN_SIDE}")
    return image


def _decode_with_pillow(image: Image.Image) -> Tensor:
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16") or upright.mode == "I":  # 16-bit greyscale, which convert() would clip
            grey = (np.asarray(upright).astype(np.int64) // 257).clip(0, 255).astype(np.uint8)
            upright = Image.fromarray(grey)
        pixels = np.array(upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableError(f"damaged or truncated {image.format}: {error}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
