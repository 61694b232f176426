"""Random numbers that an image's name decides, never the batch, the shard or the machine."""

import hashlib

import numpy as np


def named_generator(*names: object) -> np.random.Generator:
    """PCG64 seeded with the SHA-256 of the names, joined by colons."""
    digest = hashlib.sha256(":".join(map(str, names)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
