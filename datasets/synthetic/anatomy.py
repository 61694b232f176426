"""Cats and dogs: one body for both, two heads."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.drawn import part_code
from datasets.synthetic.factors import SIZE, Animal, Colour
from datasets.synthetic.painter import TEXTURE, Painter, ellipse, noise, stroke, textured

DARK: Colour = (34, 28, 28)
PINK: Colour = (206, 132, 130)

Outline = NDArray[np.float64]
Fill = Callable[[Outline, Image.Image | Colour, str], None]


def draw_animal(painter: Painter, animal: Animal, number: int) -> None:
    """Draws the parts that are not removed, from the back to the front."""
    coat = coat_texture(animal)

    def fill(outline: Outline, paint: Image.Image | Colour, part: str) -> None:
        if part not in animal.removed:
            painter.fill(outline, paint, part_code(number, part))

    if "body" not in animal.removed:
        painter.fill(_shadow(animal), DARK, None)
    _body(fill, animal, coat)
    _head(fill, animal, coat)


def coat_texture(animal: Animal) -> Image.Image:
    """The coat over the whole picture; outlines cut parts out of it."""
    random = np.random.Generator(np.random.PCG64(animal.texture))
    grain = noise(random, TEXTURE // 2)[..., None]
    share = np.clip(_pattern(random, animal), 0, 1)[..., None] * 0.8
    base, second = (np.array(colour, dtype=np.float32) for colour in (animal.coat, animal.second))
    return textured(base * (1 - share) + second * share + (grain - 0.5) * 26)


def _pattern(random: np.random.Generator, animal: Animal) -> NDArray[np.float32]:
    """Where the second colour shows, (TEXTURE, TEXTURE), before clipping to [0, 1]; sized by the animal."""
    bumps = SIZE / animal.radius
    if animal.pattern == "plain":
        return np.zeros((TEXTURE, TEXTURE), dtype=np.float32)
    if animal.pattern == "spots":
        return (noise(random, max(4, round(1.6 * bumps))) - 0.62) * 14
    if animal.pattern == "patches":
        return (noise(random, max(3, round(0.55 * bumps))) - 0.55) * 16
    angle, period = random.uniform(0, np.pi), animal.radius * random.uniform(0.22, 0.4)
    y, x = np.mgrid[0:TEXTURE, 0:TEXTURE].astype(np.float32) * (SIZE / TEXTURE)
    phase = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period)
    stripes: NDArray[np.float32] = np.sin(phase + 6 * noise(random, 8)).astype(np.float32) * 2 - 0.4
    return stripes


def _shadow(animal: Animal) -> Outline:
    r = animal.radius
    return ellipse(animal.x + animal.side * r * 0.7, animal.y + 2.75 * r, 2.1 * r, 0.34 * r)


def _body(fill: Fill, animal: Animal, coat: Image.Image) -> None:
    r, side = animal.radius, animal.side

    def at(x: float, y: float) -> tuple[float, float]:
        return animal.x + side * x * r, animal.y + y * r

    def oval(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Outline:
        return ellipse(*at(x, y), rx * r, ry * r, side * angle)

    root, bend, tip = {
        "sitting": ((0.9, 2.3), (1.9, 2.5), (2.2, 1.5)),
        "standing": ((2.2, 0.9), (2.9, 0.4), (2.9, -0.5)),
        "lying": ((2.3, 2.1), (3.1, 2.3), (3.4, 1.6)),
    }[animal.pose]
    along = np.linspace(0, 1, 12)[:, None]
    a, b, c = (np.array(at(*point)) for point in (root, bend, tip))
    fill(stroke(a * (1 - along) ** 2 + 2 * b * along * (1 - along) + c * along**2, 0.36 * r, 0.2 * r), coat, "tail")
    ovals = {
        "sitting": [(0.25, 1.75, 0.95, 1.2), (0.75, 2.3, 0.62, 0.5), (-0.25, 2.35, 0.22, 0.6), (0.2, 2.4, 0.22, 0.58)],
        "standing": [
            (1.0, 1.25, 1.5, 0.78), (-0.1, 2.15, 0.22, 0.7), (0.35, 2.2, 0.22, 0.68), (1.8, 2.15, 0.24, 0.7),
            (2.2, 2.1, 0.24, 0.68),
        ],
        "lying": [(1.0, 1.75, 1.6, 0.8), (1.9, 1.95, 0.7, 0.62), (-0.3, 2.4, 0.7, 0.22)],
    }[animal.pose]  # fmt: skip
    fill(oval(0.15, 0.85, 0.6, 0.75), coat, "body")  # neck
    for values in ovals:
        fill(oval(*values), coat, "body")


def _head(fill: Fill, animal: Animal, coat: Image.Image) -> None:
    cos, sin, r = math.cos(animal.tilt), math.sin(animal.tilt), animal.radius
    turn = r * np.array([[cos, sin], [-sin, cos]])

    def place(points: Outline | list[tuple[float, float]]) -> Outline:
        return np.asarray(points, dtype=float) @ turn + (animal.x, animal.y)

    pale: Colour = tuple(round(0.45 * c + 0.55 * 238) for c in animal.coat)  # type: ignore[assignment]
    deep: Colour = tuple(round(0.62 * c) for c in animal.coat)  # type: ignore[assignment]
    drawings = {"cat": (_cat_ears, _cat_eyes, _cat_muzzle), "dog": (_dog_ears, _dog_eyes, _dog_muzzle)}

    def shapes(part: str) -> list[tuple[Outline, Image.Image | Colour]]:
        number = ("ears", "eyes", "muzzle").index(part)
        return drawings[animal.drawn_as(part)][number](coat, pale, deep, animal.eyes)

    def put(part: str) -> None:
        for outline, paint in shapes(part):
            fill(place(outline), paint, part)

    behind = animal.drawn_as("ears") == "cat"  # upright ears stand behind the skull, hanging ones before it
    if behind:
        put("ears")
    wide, high = (1.0, 0.86) if animal.drawn_as("skull") == "cat" else (0.86, 1.0)
    fill(place(ellipse(0, 0, wide, high)), coat, "skull")
    if not behind:
        put("ears")
    put("eyes")
    put("muzzle")
    reach, width = (1.25, 0.035) if animal.drawn_as("whiskers") == "cat" else (0.52, 0.03)
    for flip in (-1, 1):
        for slope in (-0.16, 0.02, 0.2):
            line = np.array([(0.28, 0.4), ((0.28 + reach) / 2, 0.4 + slope * 0.6), (reach, 0.4 + slope * 1.6)])
            fill(stroke(place(line * (flip, 1)), max(width * r, 0.7)), (246, 244, 240), "whiskers")


def _mirrored(points: Outline | list[tuple[float, float]]) -> list[Outline]:
    right = np.asarray(points, dtype=float)
    return [right, right * (-1, 1)]


def _cat_ears(coat: Image.Image, _pale: Colour, _deep: Colour, _eyes: Colour) -> list:
    outer, inner = [(0.18, -0.72), (0.98, -0.2), (0.86, -1.42)], [(0.42, -0.74), (0.86, -0.42), (0.8, -1.18)]
    return [(o, coat) for o in _mirrored(outer)] + [(o, PINK) for o in _mirrored(inner)]


def _dog_ears(_coat: Image.Image, _pale: Colour, deep: Colour, _eyes: Colour) -> list:
    return [(o, deep) for o in _mirrored(ellipse(0.92, 0.0, 0.31, 0.82, -0.22))]


def _cat_eyes(_coat: Image.Image, _pale: Colour, _deep: Colour, eyes: Colour) -> list:
    iris, pupil = ellipse(0.42, -0.1, 0.23, 0.17, -0.25), ellipse(0.42, -0.1, 0.055, 0.16)
    return [(o, eyes) for o in _mirrored(iris)] + [(o, DARK) for o in _mirrored(pupil)]


def _dog_eyes(_coat: Image.Image, _pale: Colour, _deep: Colour, eyes: Colour) -> list:
    iris, pupil, glint = ellipse(0.36, -0.22, 0.16, 0.16), ellipse(0.36, -0.22, 0.11, 0.11), (0.40, -0.27)
    shine = [(ellipse(glint[0] * s, glint[1], 0.03, 0.03), (250, 250, 250)) for s in (1, -1)]
    return [(o, eyes) for o in _mirrored(iris)] + [(o, DARK) for o in _mirrored(pupil)] + shine


def _cat_muzzle(_coat: Image.Image, pale: Colour, _deep: Colour, _eyes: Colour) -> list:
    puffs = _mirrored(ellipse(0.17, 0.44, 0.24, 0.2))
    nose = np.array([(-0.13, 0.2), (0.13, 0.2), (0.0, 0.36)])
    mouth = [np.array([(0.0, 0.36), (0.08, 0.5), (0.22, 0.5)]) * (s, 1) for s in (1, -1)]
    return [(o, pale) for o in puffs] + [(nose, PINK)] + [(stroke(m, 0.045), DARK) for m in mouth]


def _dog_muzzle(_coat: Image.Image, pale: Colour, _deep: Colour, _eyes: Colour) -> list:
    tongue = ellipse(0.0, 0.86, 0.16, 0.24)
    mouth = stroke(np.array([(-0.34, 0.62), (-0.12, 0.74), (0.0, 0.66), (0.12, 0.74), (0.34, 0.62)]), 0.05)
    nose, shine = ellipse(0.0, 0.22, 0.25, 0.17), ellipse(-0.06, 0.17, 0.07, 0.04)
    return [
        (tongue, (214, 96, 108)), (ellipse(0.0, 0.46, 0.52, 0.4), pale), (mouth, DARK), (nose, DARK),
        (shine, (120, 116, 118)),
    ]  # fmt: skip
