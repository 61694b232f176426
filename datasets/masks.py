"""What the values of a mask file mean.

A mask says 1 object, 0 background, 255 ignore, unless its data set says otherwise. Values are taken as they are stored:

- grey of 1, 8 or 16 bits and floats: the value; 16 bits that are all 257 k, or only 0 and 65535: k, 0 and 255;
- RGB, CMYK and the like: the grey, where all three channels agree; colours have no certain meaning and are refused;
- transparency that hides anything is refused, since nothing says whether what is hidden counts;
- a palette: the index and, where the palette is grey, the grey; if both have a meaning and they differ, it is refused;
- only 0 and 255, where 1 would be the object: 255 is the object (a mask of "ignore" and nothing else to look for has no
  use). A mask that is 255 throughout stays "ignore", since one value alone tells nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.content import UnreadableError
from datasets.records import Record

BACKGROUND, OBJECT, IGNORE = 0, 1, 255
PLAIN = dict(Record.mask_values)
NAMED = 5  # values that a message names


def meaning(image: Image.Image, values: Mapping[int, int]) -> NDArray[np.uint8]:
    """1 object, 0 background, 255 ignore, (H, W).

    Args:
        image: a mask, decoded.
        values: value in the file to value in the mask.

    Raises:
        UnreadableError: a value that is not in `values`, or none that is certain.
    """
    masks, refusals = [], []
    for pixels in _readings(image):
        try:
            masks.append(_translated(pixels, values))
        except UnreadableError as error:
            refusals.append(error)
    if not masks:
        raise refusals[0]
    if any((mask != masks[0]).any() for mask in masks[1:]):
        raise UnreadableError("has a palette whose greys mean something else than its indices; save it as grey")
    return masks[0]


def _readings(image: Image.Image) -> Iterator[NDArray[Any]]:
    """The values of every pixel, (H, W), in each way they can be read."""
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        alpha = image.getchannel(len(image.getbands()) - 1)
        if alpha.getextrema() != (255, 255):
            raise UnreadableError("has transparent pixels, whose meaning is not certain; save it as grey")
    if image.mode in ("P", "PA"):
        indices = np.asarray(image if image.mode == "P" else image.getchannel(0), dtype=np.uint8)
        yield indices
        palette = np.array(image.convert("P").getpalette() or [], dtype=np.uint8).reshape(-1, 3)
        if indices.max() < len(palette) and _is_grey(palette[np.flatnonzero(np.bincount(indices.ravel()))]):
            yield palette[:, 0][indices]
    elif image.mode in ("L", "1", "F") or image.mode.startswith("I"):
        yield np.asarray(image)
    else:
        colours = np.asarray(image.convert("RGB"))
        if not _is_grey(colours):
            raise UnreadableError("is in colour, which has no certain meaning; save it as grey")
        yield colours[:, :, 0]


def _is_grey(colours: NDArray[np.uint8]) -> bool:
    return bool((colours == colours[..., :1]).all())


def _translated(pixels: NDArray[Any], values: Mapping[int, int]) -> NDArray[np.uint8]:
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    found = np.flatnonzero(np.bincount(pixels.ravel())) if pixels.dtype == np.uint8 else np.unique(pixels)
    if pixels.dtype != np.uint8 and found[-1] > 255 and (found % 257 == 0).all():
        pixels, found = pixels / 257, found / 257  # eight bits, widened to sixteen
    known = {BACKGROUND: BACKGROUND, 255: OBJECT} if values == PLAIN and found.tolist() == [0, 255] else values
    odd = [value for value in found.tolist() if value not in known]
    if odd:
        expected = _named(sorted(values)) + (" (or only 0 and 255)" if values == PLAIN else "")
        raise UnreadableError(f"holds the value{'s' * (len(odd) > 1)} {_named(odd)}, expected {expected}")
    table = np.full(256, IGNORE, dtype=np.uint8)
    for source, what in known.items():
        table[source] = what
    return table[pixels.astype(np.uint8)]


def _named(values: Sequence[float]) -> str:
    more = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
    return ", ".join(f"{value:g}" for value in values[:NAMED]) + more
