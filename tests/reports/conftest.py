"""Small run directories, written by hand as docs/formats.md describes them."""

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

from reports import render

SIDE, GRID, STEPS = 32, 4, 4
CLASSES = ("cat", "dog")
METRICS = {
    "effective_area": ("dispersion", "none", [0.0, 1.0]),
    "empty": ("dispersion", "none", [0.0, 1.0]),
    "energy_in_mask": ("localisation", "higher", [0.0, 1.0]),
    "srg_probability": ("srg", "higher", [-1.0, 1.0]),
    "scatter": ("dispersion", "none", [0.0, None]),
}
SRG = {"preset": "srg", "directions": ["deletion", "insertion"], "substrates": ["blur", "blur"], "steps": STEPS}


def _jpeg(random: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def _manifest(
    labels: dict[str, str], methods: Sequence[str], layers: Sequence[str], classes: Sequence[str], curves: bool
) -> dict:
    columns = ("title", "family", "direction", "range", "unit", "meaning", "source")
    return {
        "schema_version": 1,
        "status": "complete",
        "error": None,
        "config": {"steps": STEPS},
        "dataset": {"name": "files", "split": None, "labels": {"cat": 1}},
        "checkpoint": {"name": "net", "arch": "alexnet", "classes": list(classes)},
        "image_size": [SIDE, SIDE],
        "layers": {layer: {"channels": 8, "height": GRID, "width": GRID} for layer in layers},
        "methods": {method: {"title": method.title(), "meaning": "", "source": ""} for method in methods},
        "metrics": {
            name: dict(zip(columns, (name.replace("_", " "), *entry, "", "a meaning", ""), strict=True))
            for name, entry in METRICS.items()
        },
        "protocols": {"srg": SRG} if curves else {},
        "seeds": {"run": 0, "tie_rule": 0},
        "counts": {"images": len(labels), "scored": len(labels), "skipped": 0},
        "timings": {"total": 1.0},
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:00:00Z",
    }


def _roles(label: str, classes: Sequence[str]) -> dict[str, str]:
    """Class to role; the wrong class is the next one."""
    shown = label.split("+")
    if len(shown) > 1:
        return dict.fromkeys(shown, "present")
    wrong = classes[(classes.index(label) + 1) % len(classes)]
    return {name: "right" if name == label else "wrong" for name in classes if name in (label, wrong)}


def _chances(count: int) -> list[float]:
    """0.75, and each next class half as much."""
    weights = [0.75] + [0.25 / 2**place for place in range(count - 1)]
    return weights if count == 2 else [weight / sum(weights) for weight in weights]


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A browser without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium found (Debian package chromium, or set CHROMIUM to its path)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def three(write_run, tmp_path_factory) -> Path:
    """The report of a run of three methods on twelve images."""
    labels = {f"{place:02}.jpg": ("cat", "dog")[place % 2] for place in range(12)}
    return render(write_run(tmp_path_factory.mktemp("three") / "run", labels, ("gradcam", "layercam", "hirescam")))


@pytest.fixture
def make_run(write_run, tmp_path) -> Callable[..., Path]:
    """`write_run` into a folder of the test's own."""
    return partial(write_run, tmp_path / "run")


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Writes a run: images by name and label, what it holds, and how many values are undefined."""

    def make(
        folder: Path,
        labels: dict[str, str] | None = None,
        methods: Sequence[str] = ("gradcam", "layercam"),
        layers: Sequence[str] = ("features.11",),
        *,
        curves: bool = True,
        masks: bool = True,
        undefined: bool = False,
        classes: Sequence[str] = CLASSES,
    ) -> Path:
        labels = labels or {f"{i}.jpg": classes[i % len(classes)] for i in range(8)}
        random = np.random.default_rng(1)
        (folder / "maps").mkdir(parents=True)
        who = [
            (image, label, classes[0], method, layer, target, role)
            for image, label in labels.items()
            for method in methods
            for layer in layers
            for target, role in _roles(label, classes).items()
        ]
        keys = ("image_id", "label", "predicted", "method", "layer", "target", "role")
        rows = pd.DataFrame(who, columns=keys)
        scores = [
            rows.assign(metric=name, value=np.nan if undefined and name != "empty" else random.random(len(rows)))
            for name in METRICS
            if (masks or name != "energy_in_mask") and (curves or name != "srg_probability")
        ]
        pd.concat(scores, ignore_index=True).to_parquet(folder / "scores.parquet")
        if curves:
            frames = []
            for direction in SRG["directions"]:
                values = list(np.sort(random.random((len(rows), STEPS + 1)), axis=1))
                frame = rows.drop(columns=["label", "predicted"]).assign(direction=direction, substrate="blur")
                frame["fraction"] = [np.linspace(0, 1, STEPS + 1)] * len(rows)
                frames.append(frame.assign(probability=values, probability_other=values, margin=values))
            pd.concat(frames, ignore_index=True).to_parquet(folder / "curves.parquet")
        if masks:
            counts = [list(random.integers(1, 5, (len(rows), 256), dtype=np.int32)) for _ in range(2)]
            ious = list(random.random((len(rows), 20)))
            rows.assign(foreground=counts[0], background=counts[1], box_iou=ious).to_parquet(
                folder / "localisation.parquet"
            )
        images = pd.DataFrame({"image_id": labels.keys(), "path": labels.keys(), "label": labels.values()})
        images = images.assign(predicted=classes[0], probability=[_chances(len(classes))] * len(labels))
        images.assign(jpeg=[_jpeg(random) for _ in labels]).to_parquet(folder / "images.parquet")
        maps = {
            f"{method}/{layer}": (0 if undefined else 1)
            * random.random((len(labels), len(classes), GRID, GRID), dtype=np.float32)
            for method in methods
            for layer in layers
        }
        metadata = {"image_ids": json.dumps(list(labels)), "classes": json.dumps(list(classes))}
        safetensors.numpy.save_file(maps, folder / "maps" / "shard-00000.safetensors", metadata)
        (folder / "skipped.csv").write_text("path,reason\r\n")
        manifest = _manifest(labels, methods, layers, classes, curves)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make
