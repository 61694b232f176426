"""The one pipeline: images in, shards out, final files, report."""

import dataclasses
import datetime
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from bench.config import RunConfig
from bench.environment import (
    auto_workers,
    describe_device,
    git_state,
    make_deterministic,
    peak_memory_mb,
    release_free_memory,
    versions,
)
from bench.errors import ConfigError
from bench.plan import Plan, forward_passes, make_plan
from bench.progress import Progress
from bench.scoring import score_batch
from bench.stopwatch import Stopwatch
from bench.store import SCHEMA_VERSION, RunStore
from bench.tables import only_skipped, shard_tables
from datasets import load_batches
from metrics.perturbation import ScoreFn
from reports import render


def run(config: RunConfig) -> Path:
    """Scores a data set (see `score`) and writes its report into the run directory.

    Returns:
        The run directory.
    """
    started = time.perf_counter()
    store, manifest = score(config)
    _report(store, manifest, started)
    return config.out


def score(config: RunConfig) -> tuple[RunStore, dict[str, Any]]:
    """Scores a data set and writes the run directory, without report.

    Interrupted, it leaves its finished shards for `resume`; failed, it says so in the manifest.

    Returns:
        The run directory and its manifest.

    Raises:
        ConfigError, DatasetError, WeightsError, LayerError, MetricError: input that cannot be used.
    """
    make_deterministic(config.seed)
    plan = make_plan(config)
    store = RunStore(config.out)
    store.create(_first_manifest(plan), resume=config.resume)
    manifest = store.manifest()
    if manifest["status"] != "complete":
        watch = Stopwatch(plan.device)
        try:
            _score_shards(plan, store, watch)
            manifest = _finish(plan, store, watch, manifest)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"writing to '{config.out}' failed: {reason}; mend that and --resume") from error
        except Exception as error:
            store.write_manifest({**manifest, "status": "failed", "error": f"{type(error).__name__}: {error}"})
            raise
    return store, manifest


def _score_shards(plan: Plan, store: RunStore, watch: Stopwatch) -> None:
    """Scores the shards that are not on disk yet, in order."""
    finished = store.finished()
    pending = [number for number in range(len(plan.shards)) if number not in finished]
    preprocess = plan.classifier.checkpoint.preprocess
    batches = load_batches(
        plan.dataset.records,
        [list(plan.shards[number]) for number in pending],
        resize=preprocess.resize,
        crop=preprocess.crop,
        classes=plan.classifier.checkpoint.classes,
        workers=auto_workers() if plan.config.workers is None else plan.config.workers,
        pin_memory=plan.device.type == "cuda",
        removals=plan.truth,
    )
    done = sum(len(plan.shards[number]) for number in finished)
    with Progress(len(plan.dataset.records), done) as progress:
        score_fn = _score_function(plan, watch, progress)
        for number in pending:
            with watch.stage("load"):
                batch = next(batches)
            scores = score_batch(batch, plan, score_fn, watch) if batch.ids else None
            with watch.stage("write"):
                records = [plan.dataset.records[position] for position in batch.positions]
                store.write_shard(number, shard_tables(scores, records, plan) if scores else only_skipped(batch))
            done += len(plan.shards[number])
            progress.reach(done)
            del batch, scores
            release_free_memory()


def _score_function(plan: Plan, watch: Stopwatch, progress: Progress) -> ScoreFn:
    """Images (N, 3, H, W) in [0, 1] to logits (N, K), timed and counted."""
    share = 1 / forward_passes(plan)

    def score(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), watch.model():
            logits: torch.Tensor = plan.classifier(images)
        watch.masked_images += len(images)
        progress.advance(len(images) * share)
        return logits

    return score


def _first_manifest(plan: Plan) -> dict[str, Any]:
    """The manifest of a run that has just begun."""
    checkpoint, dataset = plan.classifier.checkpoint, plan.dataset
    preprocess = dataclasses.asdict(checkpoint.preprocess)
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "error": None,
        "config": plan.config.as_json(),
        "batch_size": plan.batch_size,
        "dataset": {
            "name": dataset.name,
            "root": str(dataset.root),
            "split": dataset.split,
            "n": len(dataset.records),
            "labels": dict(sorted(Counter(record.label for record in dataset.records).items())),
            "fingerprint": dataset.fingerprint(),
            "notes": list(dataset.notes),
        },
        "checkpoint": {
            "name": checkpoint.name,
            "arch": checkpoint.arch,
            "sha256": checkpoint.sha256,
            "classes": list(checkpoint.classes),
            "preprocess": json.loads(json.dumps(preprocess)),  # tuples become lists, as they will be when read back
            "parameters": checkpoint.parameters,
            "notes": list(checkpoint.notes),
        },
        "image_size": list(plan.size),
        "layers": plan.layers,
        "methods": {
            name: {"title": method.title, "meaning": method.meaning, "source": method.source}
            for name, method in plan.methods.items()
        },
        "controls": plan.control_records(),
        "metrics": {name: metric.describe() for name, metric in plan.metrics.items()},
        "protocols": plan.protocol_records(),
        "seeds": {"run": plan.config.seed, "tie_rule": plan.config.seed},
        "versions": versions(),
        "device": describe_device(plan.device),
        "git": git_state(),
        "started": _now(),
        "finished": None,
    }


def _finish(plan: Plan, store: RunStore, watch: Stopwatch, manifest: dict[str, Any]) -> dict[str, Any]:
    """Final files, and the manifest that says so."""
    unreadable = store.skipped()
    skipped = [*plan.dataset.skipped, *unreadable]
    scored = len(plan.dataset.records) - len(unreadable)
    with watch.stage("write"):
        store.write_skipped(skipped)
        if not scored:
            raise ConfigError(
                f"none of the {len(unreadable)} images could be read; '{store.folder / 'skipped.csv'}' says why"
            )
        store.finish()
    timings = {name: round(seconds, 3) for name, seconds in watch.seconds.items()}
    if timings.get("perturbation"):
        timings["masked_images_per_second"] = round(watch.masked_images / timings["perturbation"], 2)
    images = len(plan.dataset.records) + len(plan.dataset.skipped)
    manifest = {
        **manifest,
        "status": "complete",
        "error": None,
        "counts": {"images": images, "scored": scored, "skipped": len(skipped)},
        "timings": timings,
        "peak_memory_mb": peak_memory_mb(),
        "finished": _now(),
    }
    store.write_manifest(manifest)
    store.drop_shards()
    return manifest


def _report(store: RunStore, manifest: dict[str, Any], started: float) -> None:
    """Renders the report; a run's first report also completes its timings."""
    begun = time.perf_counter()
    render(store.folder)
    timings = manifest["timings"]
    if "total" not in timings:
        ended = time.perf_counter()
        timings |= {"report": round(ended - begun, 3), "total": round(ended - started, 3)}
        timings["model_share"] = round(timings["model"] / timings["total"], 4)
        store.write_manifest({**manifest, "timings": timings, "peak_memory_mb": peak_memory_mb()})


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
