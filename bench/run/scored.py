"""A batch scored by the engine becomes a shard, and all shards a run directory, whoever made the batches."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.engine import Job, Stopwatch, score_batch
from bench.engine.tables import only_skipped, shard_tables
from bench.environment import release_free_memory
from bench.run.manifest import last_manifest
from bench.run.others import scores_against_others
from bench.run.store import RunStore
from datasets import Batch, Skipped
from metrics.perturbation import ScoreFn
from reports.runs.integrity import describe_files
from weights import Classifier


def score_shard(
    number: int,
    batch: Batch,
    labels: Sequence[str],
    paths: Sequence[str],
    job: Job,
    score_fn: ScoreFn,
    store: RunStore,
    watch: Stopwatch,
) -> None:
    """Scores a batch and writes its shard.

    Args:
        number: of the shard.
        batch: its images.
        labels: of them.
        paths: of their files, "" where there are none.
        job: what to compute.
        score_fn: images to logits, see `score_function`.
        store: of the run.
        watch: adds to the stages.
    """
    scores = score_batch(batch, job, score_fn, watch) if batch.ids else None
    with watch.stage("write"):
        store.write_shard(number, shard_tables(scores, labels, paths, job.classes) if scores else only_skipped(batch))
    del scores
    release_free_memory()


def complete(
    store: RunStore, job: Job, manifest: dict[str, Any], scored: int, skipped: list[Skipped], watch: Stopwatch
) -> dict[str, Any]:
    """Makes the final files of the shards, and writes the manifest that says so.

    Args:
        store: of the run; its shards are all there, and go.
        job: what was computed.
        manifest: of the beginning.
        scored: how many images were.
        skipped: inputs that were not.
        watch: where the time went.
    """
    with watch.stage("write"):
        store.finish(partial(scores_against_others, job=job))
    manifest = last_manifest(
        manifest,
        scored=scored,
        skipped=skipped,
        undefined=store.undefined_maps(),
        files=describe_files(store.folder),
        watch=watch,
    )
    store.write_manifest(manifest)
    store.drop_shards()
    return manifest


def score_function(classifier: Classifier, watch: Stopwatch, advance: Callable[[int], None] | None = None) -> ScoreFn:
    """Images (N, 3, H, W) in [0, 1] to logits (N, K), timed and counted.

    Args:
        classifier: the network.
        watch: is told.
        advance: is told how many images passed, too.
    """

    def score(images: Tensor) -> Tensor:
        with torch.inference_mode(), watch.model():
            logits: Tensor = classifier(images)
        watch.masked_images += len(images)
        if advance is not None:
            advance(len(images))
        return logits

    return score
