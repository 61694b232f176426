"""Tiny networks and tiny folders of pictures, and a study of them."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

NETWORK = """
from torch import nn
from weights import Architecture

def build(classes):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, classes),
    )

small = Architecture(build, "3", "two convolutions")
"""
TOP = """
arch = "smallnet:small"
resize = 32
crop = 32
steps = 2
controls = "none"
protocols = ["srg"]
metrics = ["srg_probability", "scatter"]
workers = 0
batch-size = 5
device = "cpu"

[study]
title = "Tiny"
out = "{out}"
"""
EACH = 5  # pictures of a class


def _pictures(folder: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    for name, colour in (("cat", (220, 40, 40)), ("dog", (40, 60, 220))):
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            pixels = random.integers(90, 160, (36, 36, 3))
            left, top = random.integers(2, 20, 2)
            pixels[top : top + 12, left : left + 12] = colour
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


def _weights(path: Path, seed: int) -> Path:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"0": (6, 3, 3, 3), "2": (8, 6, 3, 3), "6": (2, 8)}
    tensors = {f"{name}.weight": torch.randn(shape, generator=generator) * 0.4 for name, shape in shapes.items()}
    tensors |= {f"{name}.bias": torch.randn(shape[0], generator=generator) * 0.1 for name, shape in shapes.items()}
    torch.save(tensors, path)
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> SimpleNamespace:
    """A folder with networks 0 to 3 and pictures a and b, and what writes a study of some of them."""
    room = tmp_path_factory.mktemp("studies")
    (room / "smallnet.py").write_text(NETWORK, encoding="utf-8")
    sys.path.insert(0, str(room))
    networks = [_weights(room / f"net{seed}.pth", seed) for seed in range(4)]
    data = {name: _pictures(room / name, seed) for seed, name in enumerate("ab")}
    return SimpleNamespace(room=room, networks=networks, data=data)


@pytest.fixture
def write_study(tiny, tmp_path, monkeypatch) -> Callable[..., Path]:
    """Writes STUDY.toml; `more` is by name of a network, lines of its own."""
    monkeypatch.syspath_prepend(str(tiny.room))

    def write(networks=(0, 1, 2), data="ab", more=None, top="", name="study.toml") -> Path:
        lines = [top + TOP.format(out=tmp_path / "out")]
        for number in networks:
            lines.append(f'[[network]]\nname = "n{number}"\nweights = "{tiny.networks[number]}"')
            lines.append((more or {}).get(number, ""))
        lines += [f'[[data]]\nname = "{one}"\ndataset = "folder"\ndata-root = "{tiny.data[one]}"' for one in data]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / name

    return write
