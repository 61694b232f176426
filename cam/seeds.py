"""Random numbers that an image's name decides, never the batch, the shard or the machine."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor


def named_generator(*names: object) -> np.random.Generator:
    """PCG64 seeded with `place_of` the names."""
    return np.random.Generator(np.random.PCG64(place_of(*names)))


def place_of(*names: object) -> int:
    """The first 128 bits of the SHA-256 of the names, joined by colons: a random place in a queue."""
    digest = hashlib.sha256(":".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:16], "big")


def drawn(ids: Iterable[str], seed: int, draw: Callable[[np.random.Generator], np.ndarray], *purpose: object) -> Tensor:
    """What `draw` makes of each image's own generator, (B, ...) float64.

    Args:
        ids: of the images.
        seed: of the run.
        draw: numbers of one image.
        purpose: sets these numbers apart from others of the same image.
    """
    return torch.stack([torch.from_numpy(draw(named_generator(seed, name, *purpose))) for name in ids])
