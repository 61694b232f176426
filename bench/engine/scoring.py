"""One batch of images: maps, curves and every metric, on the device, in batches."""

import torch
from torch import Tensor

from bench.engine.curves import Perturbation
from bench.engine.job import Job
from bench.engine.removals import Truth, measure_truth
from bench.engine.roles import role_names
from bench.engine.scores import BatchScores
from bench.engine.stopwatch import Stopwatch
from bench.engine.weights import annotation_weights
from bench.engine.work import Work
from bench.errors import ConfigError
from cam import MapBatch, Maps, maps_of, tap_for
from datasets import Batch
from metrics.evaluation import known_rows
from metrics.inputs import BatchInputs, MapInputs
from metrics.margins import rivals
from metrics.ordering import tie_permutation
from metrics.perturbation import ScoreFn


def score_batch(batch: Batch, job: Job, score_fn: ScoreFn, watch: Stopwatch) -> BatchScores:
    """Scores one batch.

    Args:
        batch: images and masks on the host.
        job: what to compute.
        score_fn: images (N, 3, H, W) in [0, 1] to logits (N, K).
        watch: adds to the stages maps, truth, perturbation and metrics.
    """
    images = batch.images.to(job.device, non_blocking=True)
    images = images if images.is_floating_point() else images.float() / 255
    with watch.stage("maps"), watch.model():
        tapped = tap_for(job.network, images, tuple(job.layers), job.methods)
    _check_finite(tapped.logits, batch.ids)
    with watch.stage("truth"):
        truth = measure_truth(batch, tapped.logits, score_fn, job.batch_size) if job.removals else None
    asked = MapBatch(
        job.network,
        tapped,
        images,
        batch.ids,
        job.seed,
        job.batch_size,
        score_fn,
        None if batch.parts is None else batch.parts.to(job.device),
        None if truth is None else truth.part_effect,
    )
    with watch.stage("maps"):
        maps = Maps(tapped.logits, maps_of(asked, job.methods))
    rival = rivals(tapped.logits, batch.present.to(job.device))
    scores = BatchScores(batch, maps, role_names(batch.present, rival.cpu()))
    with watch.stage("metrics"):
        shared = _batch_inputs(batch, images, tapped.logits, rival, truth, job)
        known = known_rows(shared, scores.roles)
        grids = {(signed.shape[2], signed.shape[3]) for signed in maps.signed.values()}
        scores.weights = annotation_weights(shared, known, scores.roles, grids, job.metrics.values())
    work = Work(scores, job, Perturbation(images, tapped.logits, batch.ids, job, score_fn, watch), asked, watch, known)
    for key, signed in maps.signed.items():
        work.score_method(key, MapInputs(shared, signed))
    for layer in job.layers:
        for key, control in maps_of(asked, job.controls, (layer,)).items():
            inputs = MapInputs(shared, control)
            work.score_control(key, inputs, {}, job.controls[key[0]])
            scores.undefined[key] = int((~inputs.defined).sum())
    scores.maps = Maps(maps.logits.cpu(), {key: signed.cpu() for key, signed in maps.signed.items()})
    return scores


def _check_finite(logits: Tensor, ids: tuple[str, ...]) -> None:
    bad = (~logits.isfinite()).any(dim=1).nonzero().flatten().tolist()
    if bad:
        raise ConfigError(
            f"the network gives {logits[bad[0]].tolist()} on '{ids[bad[0]]}', expected finite logits; "
            "check the checkpoint, or use --dtype float32"
        )


def _batch_inputs(
    batch: Batch, images: Tensor, logits: Tensor, rival: Tensor, truth: Truth | None, job: Job
) -> BatchInputs:
    pixels = job.size[0] * job.size[1]
    permutations = [tie_permutation(image_id, pixels, job.seed) for image_id in batch.ids]
    return BatchInputs(
        size=job.size,
        permutations=torch.stack(permutations).to(job.device),
        logits=logits,
        rivals=rival,
        masks=None if batch.masks is None else batch.masks.to(job.device),
        faces=None if batch.faces is None else batch.faces.to(job.device),
        images=images,
        parts=None if batch.parts is None else batch.parts.to(job.device),
        part_effect=None if truth is None else truth.part_effect,
        certified=None if truth is None else truth.certified,
    )
