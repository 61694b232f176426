"""Things that are no animal: clutter, lures that look a little like parts of a head, occluders."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.synthetic.factors import Prop
from datasets.synthetic.painter import Painter, ellipse, stroke

# Outlines in units of the prop's size around its centre, each with its brightness.
Shape = tuple[NDArray[np.float64], float]


def draw_prop(painter: Painter, prop: Prop) -> None:
    """Draws a thing; where it is seen, no animal is."""
    cos, sin = math.cos(prop.angle), math.sin(prop.angle)
    turn = prop.size * np.array([[cos, sin], [-sin, cos]])
    for outline, brightness in _SHAPES[prop.kind]():
        placed = outline @ turn + (prop.x, prop.y)
        red, green, blue = (min(255, round(brightness * channel)) for channel in prop.colour)
        painter.fill(placed, (red, green, blue), 0)


def _corners(*points: Sequence[float]) -> NDArray[np.float64]:
    return np.array(points, dtype=float)


def _ball() -> list[Shape]:
    return [(ellipse(0, 0, 0.5, 0.5), 1.0), (ellipse(-0.13, -0.15, 0.16, 0.13), 1.3)]


def _box() -> list[Shape]:
    return [
        (_corners((-0.6, -0.4), (0.6, -0.4), (0.6, 0.5), (-0.6, 0.5)), 1.0),
        (_corners((-0.6, -0.4), (-0.4, -0.6), (0.8, -0.6), (0.6, -0.4)), 1.2),
        (_corners((0.6, -0.4), (0.8, -0.6), (0.8, 0.3), (0.6, 0.5)), 0.75),
    ]


def _cushion() -> list[Shape]:
    return [(ellipse(0, 0, 0.8, 0.4), 1.0), (ellipse(0, -0.08, 0.55, 0.2), 1.15)]


def _plant() -> list[Shape]:
    turns = np.linspace(-1.1, 1.1, 5)
    return [(ellipse(0.5 * np.sin(turn), -0.5 * np.cos(turn), 0.13, 0.5, turn), 1.0) for turn in turns]


def _triangles() -> list[Shape]:
    left = _corners((-0.6, 0.2), (-0.35, -0.5), (-0.1, 0.2))
    return [(left, 1.0), (left * (-1, 1), 1.0)]


def _dots() -> list[Shape]:
    return [(ellipse(across, 0, 0.16, 0.16), 0.5) for across in (-0.35, 0.35)]


def _strokes() -> list[Shape]:
    slopes = (-0.3, 0.0, 0.3)
    return [(stroke(_corners((-0.7, slope), (0, 0), (0.7, -slope)), 0.05), 1.0) for slope in slopes]


def _leaf() -> list[Shape]:
    return [(ellipse(0, 0, 0.7, 0.24, 0.8), 1.0)]


def _blade() -> list[Shape]:
    return [(stroke(_corners((0, 1), (0.1, 0), (0.4, -1)), 0.16, 0.04), 1.0)]


_SHAPES: dict[str, Callable[[], list[Shape]]] = {
    "ball": _ball,
    "box": _box,
    "cushion": _cushion,
    "plant": _plant,
    "triangles": _triangles,
    "dots": _dots,
    "strokes": _strokes,
    "leaf": _leaf,
    "blade": _blade,
}
