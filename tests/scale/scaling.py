"""How time and memory grow with batch, images, methods, layers, classes, steps and ranks: `make scaling`.

Every point is a call of `evaluate` on the narrow AlexNet; the points of a curve run in turn, each round from another
one on. Its time is held against a bare forward pass of as many images right before it, which survives other work on the
machine. Ranks are runs of the command under torchrun. Writes scaling.md and scaling.png.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, the project is found

from bench import evaluate  # noqa: E402
from cam import METHODS  # noqa: E402
from reports.figures.style import panels, style  # noqa: E402
from weights import ARCHITECTURES, load_classifier  # noqa: E402

LAYERS = ("features.11", "features.12", "features.9")
FAST = [name for name, method in METHODS.items() if method.fast and name != "cam"]
SIDE, PAGE = 224, 4096  # bytes of a page of memory
Lengths = dict[str, tuple[int, ...]]
SMALL: Lengths = {
    "batch": (1, 4, 16, 64), "images": (32, 128, 512), "methods": (1, 2, 4, 8), "layers": (1, 2, 3),
    "classes": (2, 8, 32), "steps": (4, 8, 16, 32), "ranks": (1, 2),
}  # fmt: skip
FULL: Lengths = SMALL | {"batch": (1, 4, 16, 32, 64, 128), "images": (100, 1000, 5000, 25000), "ranks": (1, 2, 4)}


@dataclass(frozen=True)
class Work:
    """What a point computes; one of these differs along a curve."""

    batch: int = 32
    images: int = 64
    methods: int = 2
    layers: int = 1
    classes: int = 2
    steps: int = 0  # none: maps and what is measured on them

    def at(self, curve: str, size: int) -> "Work":
        """The point of a curve."""
        few = {"images": 8} if curve == "steps" else {}
        return Work(**{**self.__dict__, **few, curve: size})


class Scaling:
    """A network, pictures of noise, and resident memory after every batch of the longest call."""

    def __init__(self, weights: Path) -> None:
        self.network = load_classifier(weights, architectures=ARCHITECTURES).network.eval()
        self.pictures = torch.rand(128, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
        self.resident: dict[int, list[tuple[int, float]]] = {}

    def run(self, work: Work) -> float:
        """Seconds of a call over those of a bare forward pass of its images."""
        network = self.of_classes(work.classes)
        options = {
            "classes": [f"c{k}" for k in range(work.classes)],
            "layers": list(LAYERS[: work.layers]),
            "methods": FAST[: work.methods],
            "metrics": ["effective_area"] + (["srg_probability"] if work.steps else []),
            "protocols": ("srg",) if work.steps else ("none",),
            "controls": "none",
            "steps": work.steps or 2,
            "batch_size": work.batch,
        }
        begun = time.process_time()
        with torch.inference_mode():
            for start in range(0, work.images, work.batch):
                network(self.some(start, min(work.batch, work.images - start)))
        bare = time.process_time() - begun
        begun = time.process_time()
        evaluate(network, self.batches(work), **options)
        return (time.process_time() - begun) / bare

    def batches(self, work: Work) -> Iterator[tuple[torch.Tensor, list[str]]]:
        """Pictures as they stream by, and what memory holds then."""
        held = self.resident[work.images] = []
        for start in range(0, work.images, work.batch):
            count = min(work.batch, work.images - start)
            yield self.some(start, count), [f"c{(start + n) % work.classes}" for n in range(count)]
            resident = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * PAGE / 2**20
            held.append((start + count, resident))

    def some(self, start: int, count: int) -> torch.Tensor:
        """That many pictures from a place on, the same again after 128."""
        return self.pictures[(torch.arange(count) + start) % len(self.pictures)]

    def of_classes(self, count: int) -> nn.Module:
        """The network with as many outputs; further ones are random."""
        network = copy.deepcopy(self.network)
        if count != 2:
            last = network.classifier[-1]
            torch.manual_seed(0)
            network.classifier[-1] = nn.Linear(last.in_features, count)
        return network.eval()

    def slope(self) -> str:
        """MB per 1,000 images with its 95 % interval, over the second half of the longest call; "" for a short one."""
        longest = self.resident[max(self.resident)]
        if len(longest) < 8:
            return ""
        images, resident = np.array(longest[len(longest) // 2 :]).T
        fit = stats.linregress(images, resident)
        half = stats.t.ppf(0.975, len(images) - 2) * fit.stderr
        low, high = (1000 * (fit.slope + side * half) for side in (-1, 1))
        said = (
            f"Resident memory: {1000 * fit.slope:+.1f} MB per 1,000 images (95 % interval {low:+.1f} to {high:+.1f}), "
            f"over images {images[0]:.0f} to {images[-1]:.0f} of one call; {resident[-1]:.0f} MB at its end."
        )
        return textwrap.fill(said, 118) + "\n"


def curve(sizes: tuple[int, ...], run: Callable[[int], float], rounds: int) -> list[tuple[int, float, float, float]]:
    """Size and quartiles of every point, run in turn; the first round warms up."""
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(rounds + 1):
        turn = number % len(sizes)
        for size in sizes[turn:] + sizes[:turn]:
            value = run(size)
            if number:
                found[size].append(value)
    return [(size, *map(float, np.quantile(values, [0.25, 0.5, 0.75]))) for size, values in found.items()]


def of_ranks(count: int, weights: Path) -> float:
    """Seconds by the clock that so many ranks need for 64 drawn scenes, without start and report."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "-m", "torch.distributed.run", "--nproc-per-node", count, "-m", "bench", "run", "--dataset", "synthetic",
            "--limit", 64, "--weights", weights, "--protocols", "srg", "--steps", 4, "--batch-size", 8, "--controls",
            "none", "--workers", 0, "--no-report", "--out", f"{folder}/run",
        ]  # fmt: skip
        subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, check=True, capture_output=True)
        return float(json.loads(Path(folder, "run", "manifest.json").read_text(encoding="utf-8"))["timings"]["total"])


def draw(table: pd.DataFrame, path: Path) -> None:
    """A panel per curve: time over a bare forward pass, and its quartiles."""
    curves = list(table["curve"].unique())
    with style():
        figure, axes = panels(-(-len(curves) // 3), 3, 2.6, 1.7)
        for axis, name in zip(axes.flat, curves, strict=False):
            own = table[table["curve"] == name]
            axis.errorbar(
                own["size"],
                own["median"],
                [own["median"] - own["q1"], own["q3"] - own["median"]],
                marker="o",
                capsize=3,
            )
            axis.set(xscale="log", ylim=(0, None), title="s, 64 scenes" if name == "ranks" else "time / forward pass")
            axis.set_xticks(own["size"], [str(size) for size in own["size"]], minor=False)
            axis.minorticks_off()
            axis.set_xlabel(name)
        for axis in axes.flat[len(curves) :]:
            axis.remove()
        figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/scaling"))
    parser.add_argument("--full", action="store_true", help="up to 25,000 images (hours on few cores)")
    parser.add_argument("--only", default="", help="one curve")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    of, rows, start = Scaling(options.weights), [], Work()
    for name, sizes in (FULL if options.full else SMALL).items():
        if options.only in ("", name):
            run = (lambda size: of_ranks(size, options.weights)) if name == "ranks" else (
                lambda size, name=name: of.run(start.at(name, size))
            )  # fmt: skip
            rows += [(name, *point) for point in curve(sizes, run, options.rounds)]
            print(name, rows[-len(sizes) :], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows, columns=["curve", "size", "q1", "median", "q3"])
    options.out.mkdir(parents=True, exist_ok=True)
    draw(table, options.out / "scaling.png")
    lines = ["| curve | size | time over a forward pass, ranks: s (quartiles) |", "|---|---|---|"]
    lines += [f"| {name} | {size} | {median:.2f} ({low:.2f} to {high:.2f}) |" for name, size, low, median, high in rows]
    text = "\n".join(["![Time against each size](scaling.png)", "", *lines, "", of.slope() if of.resident else ""])
    (options.out / "scaling.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
