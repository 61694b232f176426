"""`cambench leakage`: can a small network tell drawn cats from dogs without seeing the head? It must not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import data

from bench.environment import auto_workers, make_deterministic
from datasets.synthetic import Animal, Scene, render, sample_scene

SIDE = 32  # of what the probe sees
EPOCHS, BATCH, RATE = 12, 64, 2e-3
TRAINING_SEED, HELD_OUT_SEED = 3, 4  # of the scenes; those of training and scoring are others
CHANCE = (0.45, 0.55)
KNOWS = 0.95  # least accuracy of the probe that sees the head

Seen = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class View:
    """What a probe sees: a changed scene, cut out around the head's place in units of its radius."""

    change: Callable[[Scene], Scene]
    window: tuple[float, float, float, float] | None  # left, top, right, bottom, body to the right; None: all


VIEWS = {
    "head": View(lambda scene: scene.remove("rest").without_background(), (-1.6, -1.6, 1.6, 1.6)),
    "body": View(lambda scene: scene.remove("head").without_background(), (-1.6, -1.2, 3.8, 3.2)),
    "background": View(lambda scene: scene.remove("animal"), None),
}


def probe(training: Seen, held_out: Seen, seed: int = 0) -> float:
    """Accuracy on held-out pictures of a small network trained on others.

    Args:
        training: pictures (n, 3, SIDE, SIDE) and their classes (n,).
        held_out: the same of other scenes.
        seed: of weights and order.
    """
    make_deterministic(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(32 * (SIDE // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, 2),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
    (images, labels), (others, answers) = training, held_out
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(network(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        called = torch.cat([network(part).argmax(dim=1) for part in others.split(BATCH)])
    return float((called == answers).double().mean())


def pictures(count: int) -> dict[str, tuple[Seen, Seen]]:
    """Per view the pictures of half of `count` scenes to train on, and of `count` others."""
    workers = auto_workers()
    loader = data.DataLoader(
        _Scenes(count),
        batch_size=BATCH,
        num_workers=workers,
        multiprocessing_context="forkserver" if workers else None,
        generator=torch.Generator(),
    )
    images, labels = (torch.cat(column) for column in zip(*loader, strict=True))
    sizes = [count // 2, count] * len(VIEWS)
    parts = iter(zip(images.split(sizes), labels.split(sizes), strict=True))
    return {view: (next(parts), next(parts)) for view in VIEWS}


def leakage(count: int) -> tuple[list[str], bool]:
    """The accuracies on `count` held-out scenes as text, and whether all are where they should be."""
    lines, all_kept = [], True
    for view, (training, held_out) in pictures(count).items():
        found = probe(training, held_out)
        kept = found >= KNOWS if view == "head" else CHANCE[0] <= found <= CHANCE[1]
        limit = f"at least {KNOWS}" if view == "head" else f"{CHANCE[0]} to {CHANCE[1]}"
        lines.append(f"sees the {view:<10}  right on {found:.3f} of {count}   ({limit})")
        all_kept = all_kept and kept
    return [*lines, f"class evidence in the head alone: {'yes' if all_kept else 'no'}"], all_kept


class _Scenes(data.Dataset[tuple[Tensor, int]]):
    """What each probe sees of each scene: (3, SIDE, SIDE) in [-1, 1] and the class; views, then seeds, then scenes."""

    def __init__(self, count: int) -> None:
        counts = {TRAINING_SEED: count // 2, HELD_OUT_SEED: count}
        self.keys = [(view, seed, index) for view in VIEWS for seed in counts for index in range(counts[seed])]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        name, seed, index = self.keys[number]
        scene, view = sample_scene("one", index, seed), VIEWS[name]
        animal = scene.animals[0]
        picture = torch.tensor(render(view.change(scene)).picture).permute(2, 0, 1)[None].float() / 127.5 - 1
        if view.window is None:
            seen = F.adaptive_avg_pool2d(picture, SIDE)
        else:
            seen = F.grid_sample(picture, _grid(animal, view.window), padding_mode="border", align_corners=False)
        return seen[0], index % 2


def _grid(animal: Animal, window: tuple[float, float, float, float]) -> Tensor:
    """Sampling points of a window that turns with the side the body is on, (1, SIDE, SIDE, 2) in [-1, 1]."""
    left, top, right, bottom = window
    middle = (np.arange(SIDE) + 0.5) / SIDE
    x = animal.x + animal.side * animal.radius * (left + (right - left) * middle)
    y = animal.y + animal.radius * (top + (bottom - top) * middle)
    points = np.stack(np.meshgrid(x, y), axis=-1) / 112 - 1
    return torch.from_numpy(points).float()[None]
