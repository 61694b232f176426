"""A small architecture, files made of it, and what a hostile file looks like."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from weights import ARCHITECTURES, Architecture


def tiny(classes: int) -> nn.Module:
    """Layers that a whole-module pickle may name; 62 parameters."""
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, classes))


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.fixture
def bomb(tmp_path) -> Bomb:
    return Bomb(tmp_path / "was-here")


@pytest.fixture
def architectures() -> dict[str, Architecture]:
    return {**ARCHITECTURES, "tiny": Architecture(tiny, "0", "two layers")}


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return tiny(2).eval()


@pytest.fixture
def save(tmp_path) -> Callable[..., Path]:
    """Saves an object with torch.save under tmp_path, by default in today's zip format."""

    def write(content: object, name: str = "model.pth", legacy: bool = False) -> Path:
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
        path = tmp_path / name
        path.write_bytes(buffer.getvalue())
        return path

    return write


@pytest.fixture
def narrow_file(shared) -> Path:
    return shared / "weights" / "alexnet-narrow-catdog.pth"
