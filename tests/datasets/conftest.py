"""Pictures made on the spot."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture() -> Callable[..., Image.Image]:
    """A smooth picture of any size: left dark, right light, red at the bottom."""

    def make(width: int = 60, height: int = 40) -> Image.Image:
        x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
        return Image.fromarray(np.stack([y, x, 255 - x], axis=2).astype(np.uint8))

    return make


@pytest.fixture
def tree(tmp_path: Path, picture) -> Callable[..., Path]:
    """Files below a folder, each a small picture, no two the same."""
    widths = itertools.count(60)

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            picture(next(widths)).save(tmp_path / name, "PNG")
        return tmp_path

    return make
