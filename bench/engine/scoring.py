"""One batch of images: maps, curves and every metric, on the device, in batches."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.engine.again import MapsAgain
from bench.engine.curves import Perturbation
from bench.engine.job import Job
from bench.engine.removals import Truth, measure_truth
from bench.engine.roles import role_names
from bench.engine.stopwatch import Stopwatch
from bench.engine.weights import Weights, annotation_weights
from bench.errors import ConfigError
from cam import NEGATED, MapBatch, Maps, Method, maps_of, tap_for
from datasets import Batch
from metrics.evaluation import applicable, evaluate, known_rows
from metrics.inputs import BatchInputs, MapInputs, negated
from metrics.localisation import box_ious, pixel_histograms
from metrics.margins import rivals
from metrics.ordering import tie_permutation
from metrics.perturbation import Curve, ScoreFn, read_backwards, turned
from metrics.registry import FORWARD, MASKED
from metrics.smoothing import CURVES as SMOOTH_CURVES
from metrics.smoothing import smoothed

Forward = dict[str, Any]
Key = tuple[str, str]


@dataclass
class BatchScores:
    """Everything computed on one batch, on the host; row b * K + k of N = B * K is image b, target k.

    Attributes:
        batch: the images.
        maps: logits and signed maps.
        roles: (N,) of right, wrong, present and "" (see `role_names`).
        values: per (method, layer, metric) the rows that apply, (R,), and their values, (R,) float64.
        curves: per (method, layer, curve name) the rows, (R,), and their curves.
        boxes: per (method, layer) the rows, object and background histograms and box IoUs.
        undefined: per (method, layer), controls among them, how many of the N maps hold a NaN or an infinity.
        weights: of the cells of a map in sums over masks, for metrics that are given once all images are scored.
    """

    batch: Batch
    maps: Maps
    roles: np.ndarray
    values: dict[tuple[str, str, str], tuple[Tensor, Tensor]] = field(default_factory=dict)
    curves: dict[tuple[str, str, str], tuple[Tensor, Curve]] = field(default_factory=dict)
    boxes: dict[Key, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)
    undefined: dict[Key, int] = field(default_factory=dict)
    weights: Weights = field(default_factory=dict)


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
    work = _Work(scores, job, Perturbation(images, tapped.logits, batch.ids, job, score_fn, watch), asked, watch, known)
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


@dataclass(frozen=True)
class _Work:
    """Scores the maps of one batch, one method or control at one layer at a time."""

    scores: BatchScores
    job: Job
    curves: Perturbation
    asked: MapBatch
    watch: Stopwatch
    known: dict[str, np.ndarray]

    def score_method(self, key: Key, inputs: MapInputs) -> None:
        """Every metric of a method, and of its negated map; keeps its curves."""
        method, rows = self.job.methods[key[0]], self._forward_rows(inputs)
        forward = self._forward(inputs, rows, {}) | self._again(key[1], method, rows)
        for name in self.job.curves:
            if isinstance(found := forward.get(name), Curve):
                self.scores.curves[*key, name] = rows, found
        self._metrics(key, inputs, forward, rows)
        self._pool_pixels(key, inputs)
        if self.job.negated and method.kind == "method":
            backwards: Forward = {
                turned(curve): read_backwards(found)
                for curve in self.job.curves
                if turned(curve) and isinstance(found := forward.get(curve), Curve)
            }
            self.score_control((f"{NEGATED}{key[0]}", key[1]), negated(inputs), backwards, method)
        if key[1] == next(iter(self.job.layers)):
            for name, (of, sigma) in self.job.smoothed.items():
                if of == key[0]:
                    self._score_smoothed((name, key[1]), smoothed(inputs, sigma))
        self.scores.undefined[key] = int((~inputs.defined).sum())

    def _score_smoothed(self, key: Key, inputs: MapInputs) -> None:
        """The metrics of a smoothed map that its curves give, of the classes that an image shows."""
        shown = np.isin(self.scores.roles, ("right", "present")) & self._asked()
        rows = torch.from_numpy(np.flatnonzero(shown & inputs.defined.cpu().numpy()))
        names = [name for name in SMOOTH_CURVES if name in self.job.curves]
        forward: Forward = {name: self.curves.curve(name, inputs, rows) for name in names}
        every = torch.from_numpy(np.flatnonzero(shown))
        with self.watch.stage("metrics"):
            for name, metric in self.job.metrics.items():
                asked = {needed for needed in metric.inputs if needed in FORWARD}
                if len(every) and metric.curves and asked <= set(forward):
                    self.scores.values[*key, name] = every, evaluate(metric, inputs, every, forward, rows)

    def score_control(self, key: Key, inputs: MapInputs, known: Forward, method: Method) -> None:
        """Every metric of a control; with cheap controls only those that need no forward pass beyond `known`."""
        rows = self._forward_rows(inputs)
        forward = dict(known)
        if self.job.controls_forward:
            turned_over = key[0].startswith(NEGATED)
            forward = self._forward(inputs, rows, known) | self._again(key[1], method, rows, negated=turned_over)
        self._metrics(key, inputs, forward, rows)

    def _pool_pixels(self, key: Key, inputs: MapInputs) -> None:
        """What the metrics over the pixels of all images need."""
        rows = torch.from_numpy(np.flatnonzero(self.known["mask"] & (self.scores.roles != "")))
        if len(rows) and "pxap" in self.job.metrics:
            self.scores.boxes[key] = rows, *_boxes(inputs, rows)

    def _asked(self) -> np.ndarray:
        """Whether a row's role gets curves, (N,)."""
        return np.isin(self.scores.roles, [*self.job.targets, "present"])

    def _forward_rows(self, inputs: MapInputs) -> Tensor:
        """Rows that get curves: not those without a finite map, which has no order."""
        return torch.from_numpy(np.flatnonzero(self._asked() & inputs.defined.cpu().numpy()))

    def _forward(self, inputs: MapInputs, rows: Tensor, known: Forward) -> Forward:
        """What the metrics need the network for, computed unless it is known; nothing where no row asks for it."""
        forward = dict(known)
        if self._asked().any():
            forward |= {name: self.curves.curve(name, inputs, rows) for name in self.job.curves if name not in known}
            if self.job.masked:
                forward[MASKED] = images = self.curves.masked_images(inputs, rows)
                forward["masked_probability"] = self.curves.masked_probability(images, rows)
        return forward

    def _again(self, layer: str, method: Method, rows: Tensor, *, negated: bool = False) -> Forward:
        """What metrics may call: the model, and the same method's maps of something else."""
        ids, classes = self.scores.batch.ids, len(self.job.classes)
        names = tuple(ids[row // classes] for row in rows.tolist())
        again = MapsAgain(self.job, method, layer, names, rows % classes, negated)
        known_here = method.size is not None or method.needs_truth  # maps of other images cannot be had
        return {"score": self.asked.score} | ({} if known_here else {"maps_of": again})

    def _metrics(self, key: Key, inputs: MapInputs, forward: Forward, forward_rows: Tensor) -> None:
        with self.watch.stage("metrics"):
            for name, metric in self.job.metrics.items():
                if metric.needs_others:
                    continue
                applies = applicable(metric, self.scores.roles, self.known)
                if metric.needs_forward:
                    if not all(needed in forward for needed in metric.inputs if needed in FORWARD):
                        continue
                    applies &= self._asked()
                rows = torch.from_numpy(np.flatnonzero(applies))
                if len(rows):
                    values = evaluate(metric, inputs, rows, forward, forward_rows)
                    self.scores.values[*key, name] = rows, values


def _boxes(inputs: MapInputs, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Object and background histograms and box IoUs at `rows`, on the host; 0 and NaN without a finite map."""
    maps, masks = inputs.upsampled[rows], inputs.mask[rows]  # type: ignore[index]
    undefined = ~inputs.defined.cpu()[rows, None]
    foreground, background = (counts.cpu().masked_fill(undefined, 0) for counts in pixel_histograms(maps, masks))
    return foreground, background, box_ious(maps, masks).masked_fill(undefined, torch.nan)
