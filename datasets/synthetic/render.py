"""From a scene to its picture and its masks."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.drawn import PART_NAMES, part_code
from datasets.synthetic.anatomy import draw_animal
from datasets.synthetic.factors import GROUPS, SIZE, Scene
from datasets.synthetic.painter import TEXTURE, Painter, noise, textured
from datasets.synthetic.props import draw_prop


@dataclass(frozen=True)
class Rendered:
    """A picture and what is seen where.

    Attributes:
        picture: RGB, (224, 224, 3) uint8.
        parts: `part_code` of the part seen at every pixel, of animal 0 or 1 of the scene, else 0; (224, 224) uint8.
    """

    picture: NDArray[np.uint8]
    parts: NDArray[np.uint8]

    def mask(self, group: str, animal: int = 0) -> NDArray[np.bool_]:
        """Pixels that show a part, the `head` or the whole `animal`, (224, 224)."""
        return np.isin(self.parts, [part_code(animal, part) for part in GROUPS[group]])

    def parts_of(self, animal: int) -> NDArray[np.uint8]:
        """1 to 7 where a part of one animal is seen, in the order of `PART_NAMES`, else 0; (224, 224)."""
        first = part_code(animal, PART_NAMES[0])
        own = (self.parts >= first) & (self.parts < first + len(PART_NAMES))
        return np.where(own, self.parts - np.uint8(first - 1), np.uint8(0))


def render(scene: Scene) -> Rendered:
    """Draws a scene, supersampled; the same scene gives the same pixels."""
    painter = Painter(_background(scene))
    for prop in scene.clutter:
        draw_prop(painter, prop)
    for number, animal in enumerate(scene.animals):
        draw_animal(painter, animal, number)
    for prop in scene.occluders:
        draw_prop(painter, prop)
    picture, parts = painter.finished()
    return Rendered(_lit(picture, scene), parts)


def _background(scene: Scene) -> Image.Image:
    random = np.random.Generator(np.random.PCG64(scene.texture))
    coarse, fine = noise(random, 5), noise(random, TEXTURE // 2)
    y = np.arange(TEXTURE, dtype=np.float32)[:, None, None] * np.float32(SIZE / TEXTURE)
    below = np.clip((y - np.float32(scene.horizon)) / 3, 0, 1)
    wall, floor = (np.array(colour, dtype=np.float32) for colour in (scene.wall, scene.floor))
    grain = (coarse[..., None] - 0.5) * 34 + (fine[..., None] - 0.5) * (10 + 16 * below)
    return textured((wall * (1 - below) + floor * below + grain).astype(np.float32))


def _lit(picture: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    """Brighter towards the light, darker away from it."""
    ramp = np.linspace(-0.16, 0.16, SIZE, dtype=np.float32)
    across, down = np.float32(math.cos(scene.light)) * ramp, np.float32(math.sin(scene.light)) * ramp
    lit = picture * (1 + across + down[:, None])[..., None]
    return np.minimum(lit, 255, out=lit).astype(np.uint8)
