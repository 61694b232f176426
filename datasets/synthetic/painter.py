"""Shapes onto a picture and onto its map of parts at once."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets.synthetic.factors import SIZE, Colour

SCALE = 2  # supersampling
SIDE = SIZE * SCALE
TEXTURE = 112  # side of a texture before it is stretched over the picture
TURN = np.linspace(0, 2 * np.pi, 32, endpoint=False)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)])
SHADOW = 70  # opacity, of 255


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> NDArray[np.float64]:
    """Outline of a rotated ellipse, (points, 2)."""
    cos, sin = math.cos(angle), math.sin(angle)
    outline: NDArray[np.float64] = CIRCLE.T @ [[rx * cos, rx * sin], [-ry * sin, ry * cos]] + (x, y)
    return outline


def stroke(points: NDArray[np.float64], width: float, end: float | None = None) -> NDArray[np.float64]:
    """Outline of a line through points, (n, 2), whose width runs to `end`."""
    step = points[1:] - points[:-1]
    direction = np.concatenate([step[:1], step[1:] + step[:-1], step[-1:]])
    across = direction[:, ::-1] * (-0.5, 0.5)
    across /= np.maximum(np.sqrt((direction * direction).sum(axis=1, keepdims=True)), 1e-9)
    across *= width if end is None else np.linspace(width, end, len(points))[:, None]
    return np.concatenate([points + across, (points - across)[::-1]])


class Painter:
    """A picture and, of every pixel, the number of the part that is seen there (0: no animal)."""

    def __init__(self, picture: Image.Image) -> None:
        """Starts from a background of SIDE x SIDE."""
        self.picture, self.parts = picture, Image.new("L", (SIDE, SIDE), 0)
        self._on_picture, self._on_parts = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.parts)

    def fill(self, outline: NDArray[np.float64], paint: Image.Image | Colour, part: int | None) -> None:
        """Fills an outline, in pixels of the final picture.

        Args:
            outline: corners, (n, 2) of x and y.
            paint: a colour, or a texture of SIDE x SIDE.
            part: number written to `parts`; None is a shadow, translucent and no part.
        """
        points = outline * SCALE
        if part is not None:
            corners = points.ravel().tolist()
            self._on_parts.polygon(corners, fill=part)
            if not isinstance(paint, Image.Image):
                self._on_picture.polygon(corners, fill=paint)
                return
        (low_x, low_y), (high_x, high_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        left, top = max(math.floor(low_x), 0), max(math.floor(low_y), 0)
        right, bottom = min(math.ceil(high_x) + 1, SIDE), min(math.ceil(high_y) + 1, SIDE)
        if left >= right or top >= bottom:
            return
        box = (left, top, right, bottom)
        stencil = Image.new("L", (right - left, bottom - top), 0)
        ImageDraw.Draw(stencil).polygon((points - (left, top)).ravel().tolist(), fill=SHADOW if part is None else 255)
        self.picture.paste(paint.crop(box) if isinstance(paint, Image.Image) else paint, box, stencil)

    def finished(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture (SIZE, SIZE, 3) and parts (SIZE, SIZE)."""
        return np.asarray(self.picture.reduce(SCALE)), np.asarray(self.parts)[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]


def noise(random: np.random.Generator, cells: int) -> NDArray[np.float32]:
    """Smooth noise in [0, 1], (TEXTURE, TEXTURE), with about `cells` bumps across."""
    coarse = Image.fromarray(random.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(coarse.resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC), dtype=np.float32) / np.float32(255)


def textured(values: NDArray[np.float32]) -> Image.Image:
    """A texture of SIDE x SIDE from one of (TEXTURE, TEXTURE, 3) in 0 to 255."""
    small = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    picture = small.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)  # smooth already, and far quicker
