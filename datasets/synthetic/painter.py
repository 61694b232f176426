"""Shapes onto a picture and onto its map of parts at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets.synthetic.factors import SIZE, Colour

SCALE = 2  # supersampling
SIDE = SIZE * SCALE
TEXTURE = 112  # side of a texture before it is stretched over the picture
CURVE_POINTS = 32
SHADOW = 70  # opacity, of 255


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> NDArray[np.float64]:
    """Outline of a rotated ellipse, (points, 2)."""
    turn = np.linspace(0, 2 * np.pi, CURVE_POINTS, endpoint=False)
    across, down = rx * np.cos(turn), ry * np.sin(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x + across * cos - down * sin, y + across * sin + down * cos], axis=1)


def stroke(points: NDArray[np.float64], width: float, end: float | None = None) -> NDArray[np.float64]:
    """Outline of a line through points, (n, 2), whose width runs to `end`."""
    direction = np.gradient(points, axis=0)
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = np.linspace(width, width if end is None else end, len(points))[:, None] / 2
    return np.concatenate([points + normal * half, (points - normal * half)[::-1]])


@dataclass
class Painter:
    """A picture and, of every pixel, the number of the part that is seen there (0: no animal)."""

    picture: Image.Image
    parts: Image.Image

    @classmethod
    def blank(cls, picture: Image.Image) -> "Painter":
        """Starts from a background of SIDE x SIDE."""
        return cls(picture, Image.new("L", (SIDE, SIDE), 0))

    def fill(self, outline: NDArray[np.float64], paint: Image.Image | Colour, part: int | None) -> None:
        """Fills an outline, in pixels of the final picture.

        Args:
            outline: corners, (n, 2) of x and y.
            paint: a colour, or a texture of SIDE x SIDE.
            part: number written to `parts`; None is a shadow, translucent and no part.
        """
        points = outline * SCALE
        left, top = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
        right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, SIDE)
        if left >= right or top >= bottom:
            return
        box = (int(left), int(top), int(right), int(bottom))
        stencil = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        ImageDraw.Draw(stencil).polygon((points - (left, top)).ravel().tolist(), fill=SHADOW if part is None else 255)
        self.picture.paste(paint.crop(box) if isinstance(paint, Image.Image) else paint, box, stencil)
        if part is not None:
            self.parts.paste(part, box, stencil)

    def finished(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture (SIZE, SIZE, 3) and parts (SIZE, SIZE)."""
        return np.asarray(self.picture.reduce(SCALE)), np.asarray(self.parts)[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]


def noise(random: np.random.Generator, cells: int) -> NDArray[np.float32]:
    """Smooth noise in [0, 1], (TEXTURE, TEXTURE), with about `cells` bumps across."""
    coarse = Image.fromarray(random.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(coarse.resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC), dtype=np.float32) / np.float32(255)


def textured(values: NDArray[np.float32]) -> Image.Image:
    """A texture of SIDE x SIDE from one of (TEXTURE, TEXTURE, 3) in 0 to 255."""
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
