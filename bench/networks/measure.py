"""One network: a run over a few photographs, then cost and parity of its maps in the same process."""

import json
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.config import RunConfig, load_config
from bench.networks.entries import Entry
from bench.networks.naive import largest_difference, naive_gradcam
from bench.run.examination import PAIR, bare_pass, side_by_side
from bench.run.pipeline import run as run_all
from cam import Network, compute_maps
from datasets import DATASETS, load_batches
from reports import Run
from weights import Classifier, load_classifier

IMAGES, TIMED, ROUNDS = 24, 2, 3  # scored; of these timed and compared, so often
PARITY = 1e-5


def options(entry: Entry, weights: Path, data: Path, out: Path) -> RunConfig:
    """What one gives `cambench run`."""
    said = {"data_root": str(data), "weights": str(weights), "arch": entry.arch, "out": str(out), **entry.sizes}
    few = {"protocols": "none", "controls": "none", "metrics": "energy_in_mask,pointing_game", "no_report": True}
    fixed = {"dataset": "oxford-iiit-pet", "split": "test", "limit": IMAGES, "batch_size": 8, "workers": 0}
    return load_config(None, {**fixed, **few, **said})


def measured(entry: Entry, weights: Path, data: Path, out: Path) -> dict[str, Any]:
    """What the table says of a network.

    Args:
        entry: the network.
        weights: file.
        data: folder of the data sets.
        out: folder of the run; replaced.

    Raises:
        ConfigError, WeightsError, LayerError, MethodError: as of `cambench run`.
    """
    shutil.rmtree(out, ignore_errors=True)
    run_all(options(entry, weights, data, out))
    run = Run(out)
    ((layer, size),) = run.manifest["layers"].items()
    classifier = load_classifier(
        weights, arch=entry.arch, resize=entry.sizes.get("resize"), crop=entry.sizes.get("crop")
    )
    images = photographs(classifier, data)
    network = Network(classifier, classifier.network)
    maps = compute_maps(network, images, (layer,), PAIR)
    naive = naive_gradcam(classifier, images, layer, entry.lies)
    forward, whole = side_by_side(
        lambda: bare_pass(classifier, images),
        lambda: compute_maps(network, images, (layer,), PAIR),
        ROUNDS,
        time.process_time,  # seconds of this process survive a busy machine
    )
    return {
        "parameters": classifier.checkpoint.parameters,
        "layer": layer,
        "size": [size["channels"], size["height"], size["width"]],
        "forward_ms": 1e3 * forward / len(images),
        "cost": whole / forward,
        "difference": largest_difference(maps.signed["gradcam", layer], naive),
        "accuracy": accuracy(run) if entry.file else None,
        "notes": list(classifier.checkpoint.notes),
    }


def photographs(classifier: Classifier, data: Path) -> Tensor:
    """The first of those that are scored, as the network sees them, (B, 3, H, W) in [0, 1]."""
    records = DATASETS["oxford-iiit-pet"](data, "test", False).limited(IMAGES).records[:TIMED]
    seen = classifier.checkpoint.preprocess
    batches = load_batches(
        records,
        [range(len(records))],
        resize=seen.resize,
        crop=seen.crop,
        interpolation=seen.interpolation,
        classes=classifier.classes,
    )
    with closing(batches):
        return next(batches).images.float() / 255


def accuracy(run: Run) -> float:
    """Share of the photographs of one animal that are called right."""
    single = run.images[run.single(run.images["label"])]
    return float((single["label"] == single["predicted"]).mean())


def kept(path: Path) -> dict[str, Any] | None:
    """What an earlier call measured; None where it did not come to an end, or failed."""
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return None if "failed" in found else found
