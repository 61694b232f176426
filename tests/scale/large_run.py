"""A finished run directory of many images, written without a network: what a report must bear.

    python tests/scale/large_run.py 25000 /tmp/large [METHODS]

writes one of two methods, or as many, six controls, masks and curves, renders it in a process of its own, and prints
how long that took, the largest resident memory and the size of the page.
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.engine.tables import SCHEMAS  # noqa: E402
from metrics import METRICS  # noqa: E402

CLASSES, LAYER = ("cat", "dog"), "features.11"
METHODS = ("gradcam", "layercam", *(f"method{number:02d}" for number in range(3, 21)))
CONTROLS = ("random", "center", "sobel", "uniform", "negated_gradcam", "negated_layercam")
BLOCK, DISTINCT = 512, 64  # images of a row group; pictures that differ
PEAK = """
import resource, sys
from pathlib import Path
from reports import render, summary_text
render(Path(sys.argv[1]))
summary_text(Path(sys.argv[1]))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


@dataclass(frozen=True)
class Large:
    """How large a run is: images, side of the pictures and of the maps, points of a curve, methods."""

    images: int
    side: int = 224
    grid: int = 13
    points: int = 33
    methods: int = 2

    @property
    def names(self) -> tuple[str, ...]:
        """Of the methods."""
        return METHODS[: self.methods]


def write_large_run(folder: Path, large: Large) -> Path:
    """Writes the run directory; every value is random, and seeded."""
    random = np.random.default_rng(0)
    (folder / "maps").mkdir(parents=True)
    jpegs = [_jpeg(random, large.side) for _ in range(DISTINCT)]
    writers = {name: pq.ParquetWriter(folder / f"{name}.parquet", schema) for name, schema in SCHEMAS.items()}
    for number, start in enumerate(range(0, large.images, BLOCK)):
        ids = np.array([f"images/{n:06d}.jpg" for n in range(start, min(start + BLOCK, large.images))], dtype=object)
        labels = np.array([CLASSES[n % 2] for n in range(start, start + len(ids))], dtype=object)
        rows = _Rows(random, ids, labels, large.names)
        writers["scores"].write_table(rows.scores())
        writers["curves"].write_table(rows.curves(large.points))
        writers["localisation"].write_table(rows.localisation())
        writers["images"].write_table(rows.images(jpegs))
        maps = {
            f"{method}/{LAYER}": random.random((len(ids), len(CLASSES), large.grid, large.grid), dtype=np.float32)
            for method in large.names
        }
        metadata = {"image_ids": json.dumps(list(ids)), "classes": json.dumps(CLASSES)}
        safetensors.numpy.save_file(maps, folder / "maps" / f"shard-{number:05d}.safetensors", metadata)
    for writer in writers.values():
        writer.close()
    (folder / "skipped.csv").write_text("path,reason\r\n")
    (folder / "manifest.json").write_text(json.dumps(_manifest(large)))
    return folder


class _Rows:
    """The tables of one block of images."""

    def __init__(
        self, random: np.random.Generator, ids: np.ndarray, labels: np.ndarray, names: tuple[str, ...]
    ) -> None:
        self.random, self.ids, self.labels, self.names = random, ids, labels, names
        self.predicted = np.where(random.random(len(ids)) < 0.9, labels, "cat").astype(object)

    def scores(self) -> pa.Table:
        """All values of an empty map are undefined but `empty` itself; faces are missing in a tenth of the pictures."""
        methods = [(name, *key) for name in self.names for key in product(CLASSES, _metrics(controls=False))]
        controls = [(f"control_{name}", *key) for name in CONTROLS for key in product(CLASSES, _metrics(controls=True))]
        keys = methods + controls
        count = len(self.ids)
        values = self.random.random((count, len(keys)))
        maps = {key[:2]: self.random.random(count) < 0.01 for key in keys}
        faceless = self.random.random(count) < 0.1
        for place, (name, target, metric) in enumerate(keys):
            empty = maps[name, target] & (not name.endswith(("center", "uniform", "random", "sobel")))
            undefined = faceless if metric == "energy_in_face" else np.zeros(count, dtype=bool)
            values[empty | undefined, place] = np.nan
            if metric == "empty":
                values[:, place] = empty
        return self._table("scores", keys, ("method", "target", "metric"), {"value": values.ravel()})

    def curves(self, points: int) -> pa.Table:
        keys = [
            (name, target, direction, substrate)
            for name in self.names
            for target in CLASSES
            for direction, substrate in (("deletion", "blur"), ("insertion", "blur"))
        ]
        values = np.sort(self.random.random((len(keys) * len(self.ids), points)), axis=1)
        fraction = np.broadcast_to(np.linspace(0, 1, points), values.shape)
        lists = {"fraction": fraction, "probability": values, "probability_other": 1 - values, "margin": values}
        columns = {name: list(array) for name, array in lists.items()}
        return self._table("curves", keys, ("method", "target", "direction", "substrate"), columns)

    def localisation(self) -> pa.Table:
        keys = [(name, target) for name in self.names for target in CLASSES]
        count = len(keys) * len(self.ids)
        pixels = [list(self.random.integers(1, 400, (count, 256), dtype=np.int32)) for _ in range(2)]
        columns = {"foreground": pixels[0], "background": pixels[1], "box_iou": list(self.random.random((count, 20)))}
        return self._table("localisation", keys, ("method", "target"), columns)

    def images(self, jpegs: list[bytes]) -> pa.Table:
        first = self.random.random(len(self.ids))
        columns = {
            "image_id": self.ids, "path": self.ids, "label": self.labels, "predicted": self.predicted,
            "probability": list(np.stack([first, 1 - first], axis=1)),
            "jpeg": [jpegs[number % DISTINCT] for number in range(len(self.ids))],
        }  # fmt: skip
        return pa.table(columns, schema=SCHEMAS["images"])

    def _table(self, name: str, keys: list[tuple[str, ...]], names: tuple[str, ...], values: dict) -> pa.Table:
        """Rows by image, then by key."""
        who = {"image_id": self.ids, "label": self.labels, "predicted": self.predicted}
        built = {column: np.repeat(array, len(keys)) for column, array in who.items()}
        for column, array in zip(names, np.array(keys, dtype=object).T, strict=True):
            built[column] = np.tile(array, len(self.ids))
        built["layer"] = np.full(len(built["target"]), LAYER, dtype=object)
        labels = np.repeat(self.labels, len(keys))
        built["role"] = np.where(built["target"] == labels, "right", "wrong").astype(object)
        return pa.table({key: (built | values)[key] for key in SCHEMAS[name].names}, schema=SCHEMAS[name])


def _metrics(*, controls: bool) -> Iterator[str]:
    """What a run without confidence passes and drawn scenes measures; of controls what needs no pass of the network."""
    for name, metric in METRICS.items():
        if metric.family not in ("confidence", "truth", "rise") and not (controls and metric.needs_forward):
            yield name


def _jpeg(random: np.random.Generator, side: int) -> bytes:
    """A picture with about as much detail as a photograph."""
    coarse = Image.fromarray(random.integers(0, 255, (side // 8, side // 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _manifest(large: Large) -> dict:
    entry = {"title": "", "meaning": "", "source": ""}
    labels = {"cat": (large.images + 1) // 2, "dog": large.images // 2}
    preprocess = {"resize": large.side, "crop": large.side, "mean": [0.5] * 3, "std": [0.5] * 3}
    return {
        "schema_version": 1,
        "status": "complete",
        "error": None,
        "config": {"steps": large.points - 1},
        "dataset": {
            "name": "files", "root": "images", "split": None, "n": large.images, "labels": labels, "fingerprint": "0",
        },
        "checkpoint": {
            "name": "net", "arch": "alexnet", "sha256": "0", "classes": list(CLASSES), "preprocess": preprocess,
            "parameters": 1,
        },
        "image_size": [large.side, large.side],
        "layers": {LAYER: {"channels": 256, "height": large.grid, "width": large.grid}},
        "methods": {name: entry | {"title": name.title()} for name in large.names},
        "controls": {f"control_{name}": entry | {"title": name.replace("_", " ")} for name in CONTROLS},
        "metrics": {name: METRICS[name].describe() for name in _metrics(controls=False)},
        "protocols": {
            "srg": {
                "preset": "srg", "directions": ["deletion", "insertion"], "substrates": ["blur", "blur"],
                "steps": large.points - 1,
            }
        },
        "seeds": {"run": 0, "tie_rule": 0},
        "counts": {"images": large.images, "scored": large.images, "skipped": 0},
        "timings": {"total": 1.0},
        "peak_memory_mb": 1.0,
        "versions": {},
        "device": {"type": "cpu"},
        "git": {"revision": None, "dirty": None},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip


def measure(folder: Path) -> tuple[float, float, float, float]:
    """Renders a run in a process of its own: seconds, seconds of processor, peak resident MB, MB of the page."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PEAK, folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    memory, processor = map(float, done.stdout.split())
    return time.perf_counter() - begun, processor, memory / 1024, (folder / "report.html").stat().st_size / 2**20


if __name__ == "__main__":
    made = write_large_run(Path(sys.argv[2]), Large(int(sys.argv[1]), methods=int((*sys.argv, 2)[3])))
    seconds, processor, memory, size = measure(made)
    print(f"{sys.argv[1]} images: {seconds:.0f} s, {processor:.0f} s of processor, {memory:.0f} MB, page {size:.1f} MB")
