"""Small pictures and networks, made on the spot: of classes that are no cats and dogs, and of the smallest job."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import bench.run.manifest
import reports
from bench.cli import main
from bench.run.plan import known_architectures
from weights import checkpoint_bytes, fresh_classifier

NAMES = ("bird", "frog", "golden fish", "ant", "bee")
COLOURS = ((220, 40, 40), (40, 200, 40), (40, 60, 220), (220, 220, 40), (200, 40, 200))
SIDE, EACH = 36, 3
NETWORK = """
from torch import nn
from weights import Architecture

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8, classes)

    def forward(self, images):
        return self.head(self.pool(self.features(images)))

small = Architecture(Small, "features.3", "")
"""
OPTIONS = ("--arch", "kinds:small", "--resize", "32", "--crop", "32", "--steps", "2", "--workers", "0")


@pytest.fixture(scope="session")
def room(tmp_path_factory) -> Path:
    """A folder with the user's module, which commands can import."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "kinds.py").write_text(NETWORK, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return folder


def picture(path: Path, shown: list[int], random: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Blobs of the classes' colours on grey noise; the boxes of the blobs."""
    pixels = random.integers(90, 160, (SIDE, SIDE, 3))
    boxes = []
    for place, kind in enumerate(shown):
        left, top = 1 + place * 12 + int(random.integers(0, 3)), int(random.integers(2, 20))
        pixels[top : top + 10, left : left + 9] = COLOURS[kind]
        boxes.append((left, top, left + 9, top + 10))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return boxes


def listing(folder: Path, count: int) -> Path:
    """Images of one class with masks and head boxes, of two and of three with boxes, as a CSV file."""
    random, rows = np.random.default_rng(count), ["path,label,mask,boxes"]
    shows = [[kind] for kind in range(count) for _ in range(EACH)] + [[0, 1], [1, count - 1], [0, 1, 2]]
    for number, shown in enumerate(shows):
        name = f"{number:02}.png"
        boxes = picture(folder / name, shown, random)
        texts = [f"{NAMES[kind]} head {' '.join(map(str, box))}" for kind, box in zip(shown, boxes, strict=True)]
        mask = ""
        if len(shown) == 1:
            mask, (left, top, right, bottom) = f"mask{name}", boxes[0]
            values = np.zeros((SIDE, SIDE), dtype=np.uint8)
            values[top:bottom, left:right] = 1
            Image.fromarray(values).save(folder / mask)
        else:
            texts += [text.replace(" head ", " animal ") for text in texts]
        label = " + ".join(NAMES[kind].upper() for kind in reversed(shown))
        rows.append(f"{name},{label},{mask},{';'.join(texts)}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def weights(path: Path, count: int) -> Path:
    generator = torch.Generator().manual_seed(3)
    shapes = {"features.0": (12, 3, 3, 3), "features.2": (8, 12, 3, 3), "head": (count, 8)}
    tensors = {f"{name}.weight": torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}
    tensors |= {f"{name}.bias": torch.randn(shape[0], generator=generator) * 0.1 for name, shape in shapes.items()}
    torch.save({"state_dict": tensors, "classes": list(NAMES[:count])}, path)
    return path


@pytest.fixture(scope="session")
def kinds(room: Path) -> SimpleNamespace:
    """Names of five classes, options of a run of the small network, and what makes pictures, a list, and weights."""
    return SimpleNamespace(names=NAMES, options=OPTIONS, picture=picture, listing=listing, weights=weights, room=room)


@pytest.fixture(scope="module")
def small_job(tmp_path_factory):
    """The folder of a job on four pictures with a network of 122 weights, and the words that run it into a folder."""
    work = tmp_path_factory.mktemp("job")
    for place, name in enumerate(("cat/1", "dog/1", "cat/2", "dog/2")):
        path = work / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(place).integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "fuzz")
        patch.setattr(reports, "_figures", lambda *_: iter(()))
        patch.setattr("bench.commands.run.print_result", lambda *_, **__: None)
        versions, state = bench.run.manifest.versions(), bench.run.manifest.git_state()
        patch.setattr(bench.run.manifest, "versions", lambda: versions)
        patch.setattr(bench.run.manifest, "git_state", lambda: state)
        known = known_architectures("small_network:tiny")
        network = fresh_classifier("small_network:tiny", device=torch.device("cpu"), architectures=known)
        (work / "tiny.safetensors").write_bytes(checkpoint_bytes(network, {"name": "tiny"}))
        words = [
            "run", "--dataset", "folder", "--data-root", str(work / "photos"), "--arch", "small_network:tiny",
            "--weights", str(work / "tiny.safetensors"), "--methods", "gradcam", "--steps", "2", "--batch-size", "2",
            "--workers", "0", "--metrics", "srg_probability,effective_area", "--protocols", "srg", "--controls", "none",
            "--resume", "--out",
        ]  # fmt: skip
        yield work, words


@pytest.fixture(scope="module")
def undisturbed_job(small_job) -> Path:
    """The directory of that run."""
    work, words = small_job
    assert main([*words, str(work / "undisturbed")]) == 0
    return work / "undisturbed"
