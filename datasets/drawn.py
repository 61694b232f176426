"""Drawn images: what is seen where, and the same image drawn again without one thing."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PART_NAMES = ("body", "tail", "skull", "ears", "eyes", "muzzle", "whiskers")
REST_NAMES, HEAD_NAMES = PART_NAMES[:2], PART_NAMES[2:]
GROUP_NAMES = ("head", "rest")  # taken away whole: all parts of the head; body and tail
BACKGROUND = 0
STRIDE = 16  # codes per animal
MOST_CLASSES = 256 // STRIDE  # whose codes are bytes


def part_code(animal: int, name: str) -> int:
    """Code of a part, or of a group that is taken away whole, of animal number k; never `BACKGROUND`.

    In what the loader gives, k is the number of the animal's class.
    """
    return STRIDE * animal + 1 + (*PART_NAMES, *GROUP_NAMES).index(name)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A drawn image.

    Attributes:
        picture: RGB, (H, W, 3) uint8.
        parts: per visible class the number of its part seen at every pixel, 1 to 7 as in `PART_NAMES`, else 0; (H, W).
    """

    picture: NDArray[np.uint8]
    parts: dict[str, NDArray[np.uint8]]


class Drawing(Protocol):
    """An image that is drawn, not read; its repr says all that it depends on."""

    def draw(self) -> Drawn:
        """The picture, and what is seen where."""
        ...

    def removals(self) -> dict[tuple[str, str], NDArray[np.uint8]]:
        """The picture drawn again without one thing: by class and part or group, ("", "background") without scenery."""
        ...
