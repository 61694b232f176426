"""What Pillow opened to pixels: eight bits of red, green and blue, upright.

What becomes of each mode:

| mode | from | becomes |
|---|---|---|
| RGB, RGBX | most files; 16 bits per channel in PNG, TIFF | as it is; of 16 bits the upper eight |
| RGBA, LA, PA | PNG, TIFF, WebP | transparency is dropped, the colour below it counts; of 16 bits the upper eight |
| RGBa, La | colours multiplied by their opacity | divided by it, then as RGBA, LA |
| L, 1 | grey, bilevel | that grey, 0 and 255 |
| P | GIF, PNG, BMP, TIFF | the palette's colour, also of a transparent entry |
| CMYK | JPEG (Adobe's are stored inverted), TIFF | Pillow's plain conversion, without a colour profile |
| YCbCr, HSV | TIFF | converted |
| LAB | TIFF | converted by LittleCMS to sRGB; skipped where Pillow lacks it |
| I;16, I;16B, I;16L, I;16N | grey of 16 bits in PNG, TIFF; of 12 in TIFF | the upper eight; "white is zero" turned |
| I | PGM of more than 8 bits | the upper eight of 16 bits |
| I | 32 bits or signed, TIFF | skipped: nothing says which value is white |
| F | TIFF, PFM | 255 v rounded where all v are finite and in [0, 1]; else skipped |

A value k of an image with 8 bits per channel that was widened to 16, as 257 k or as 256 k, is k again. Colour profiles
and gamma are not applied, as they are not in JPEG.
"""

import io
import logging
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from datasets.content import UnreadableError, described, refusing

MAX_PIXELS = 178_956_970  # a decoded image of half a gigabyte; more is a decompression bomb
BITS_PER_SAMPLE, PHOTOMETRIC = 258, 262  # tags of TIFF
WHITE_IS_ZERO = 0
PNG_CHANNELS = {2: 3, 4: 2, 6: 4}  # by colour type, else 1
DEFLATE_LIMIT = 1032  # bytes that one byte of deflate can become


def open_image(content: bytes) -> Image.Image:
    """The image opened but not decoded, its size checked.

    Raises:
        UnreadableError: no image, or too large to decode.
    """
    with refusing("no image that can be read"):
        try:
            image: Image.Image = Image.open(io.BytesIO(content))
        except Image.DecompressionBombError as error:
            raise UnreadableError(f"decompression bomb: {error}") from error
        except UnidentifiedImageError as error:
            raise UnreadableError("no image that can be read") from error
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise UnreadableError(f"decompression bomb: {width}x{height} pixels, more than {MAX_PIXELS}")
        if image.format == "EPS":
            raise UnreadableError("EPS is a program that draws, no photograph")  # Pillow would run Ghostscript
        if image.format == "PNG":
            _check_png(content, image)
        if image.format == "TIFF":
            _check_tiff(image)
    return image


def decode(image: Image.Image) -> None:
    """Decodes an opened image, in place.

    Raises:
        UnreadableError: damaged, truncated, or a decompression bomb inside.
    """
    with refusing(f"damaged or truncated {image.format}"):
        try:
            image.load()
        except Image.DecompressionBombError as error:  # the picture in an icon is larger than the icon's header said
            raise UnreadableError(f"decompression bomb: {error}") from error


def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 where there is none or it cannot be read.

    JPEG's are looked for where torchvision looks, in EXIF alone; elsewhere also in XMP.
    """
    try:
        if image.format == "JPEG":
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
        else:
            exif = image.getexif()
        found = exif.get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # as for any other damage to what is not the picture: viewers show it as it is stored
        logging.getLogger(__name__).debug("EXIF data cannot be read: %s", described(error))
        return 1
    return found if found in range(1, 9) else 1


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) of a decoded image, as they are stored, see the table above.

    Raises:
        UnreadableError: numbers whose scale is not known.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_grey(image)[:, :, None], 3, axis=2)
    if image.mode in ("RGBa", "La"):
        image = image.convert(image.mode.upper())
    return np.array(image.convert("RGB"))


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    """Grey of more than eight bits as eight, (H, W)."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if image.mode == "F":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise UnreadableError(f"floats {_span(values)}, expected 0 to 1; save it with 8 or 16 bits")
        grey = np.rint(values * 255).astype(np.uint8)
    elif image.mode == "I" and image.format not in ("PPM", "PNG"):
        raise UnreadableError(f"integers {_span(values)} of unknown scale; save it with 8 or 16 bits")
    else:
        bits = 12 if tags.get(BITS_PER_SAMPLE) in (12, (12,)) else 16
        grey = (values >> (bits - 8)).clip(0, 255).astype(np.uint8)
    return 255 - grey if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else grey


def _span(values: NDArray[Any]) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "that are not finite"
    span = f"from {finite.min():g} to {finite.max():g}"
    return span if finite.size == values.size else f"{span}, some not finite"


def _check_png(content: bytes, image: Image.Image) -> None:
    """Looks at a PNG's compressed pixels before they are decoded.

    Pillow passes over their checksums: flipped bits would be scored as a picture. And it takes the memory for what the
    header claims, up to half a gigabyte, before it finds that there is nothing to fill it with.
    """
    tiles = getattr(image, "tile", [])
    start, length = tiles[0][2] - 8 if tiles else len(content), 0
    with memoryview(content) as view:
        while content[start + 4 : start + 8] == b"IDAT":
            end = start + 8 + int.from_bytes(content[start : start + 4])
            if zlib.crc32(view[start + 4 : end]) != int.from_bytes(content[end : end + 4]):
                raise UnreadableError("damaged or truncated PNG: the checksum of its pixels is wrong")
            length += end - start - 8
            start = end + 4
    bits = content[24] * PNG_CHANNELS.get(content[25], 1)  # per pixel
    if image.height * (image.width * bits // 8) > DEFLATE_LIMIT * length:
        claimed = f"{image.width}x{image.height} pixels cannot be in {length} bytes"
        raise UnreadableError(f"damaged or truncated PNG: {claimed}")


def _check_tiff(image: Image.Image) -> None:
    """Compares a TIFF's strips with its size: Pillow leaves what none of them covers black."""
    covered = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in getattr(image, "tile", []))
    if covered < image.width * image.height:
        raise UnreadableError("damaged or truncated TIFF: its strips cover a part of it only")
