"""Pictures and maps as small as a page that shows many of them can bear."""

import base64
import io

import numpy as np
from PIL import Image

from reports.figures.overlays import blended, missing

SIDE, QUALITY, EFFORT = 192, 60, 2  # pixels, and WebP
DIMMED = 0.45  # of a picture under an empty map, as `blended` leaves it where a map is 0


def small(picture: np.ndarray, raw: np.ndarray | None = None) -> str:
    """A picture (H, W, 3) as WebP in base64, under its map (h, w) if there is one; dimmed where that is missing."""
    if raw is not None:
        picture = (picture * DIMMED).astype(np.uint8) if missing(raw) else blended(picture, raw)
    image, buffer = Image.fromarray(picture), io.BytesIO()
    image.thumbnail((SIDE, SIDE))
    image.save(buffer, "WEBP", quality=QUALITY, method=EFFORT)
    return base64.b64encode(buffer.getvalue()).decode()
