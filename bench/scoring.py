"""One batch of images: maps, curves and every metric, on the device, in batches."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.errors import ConfigError
from bench.perturbation import Perturbation
from bench.plan import Plan
from bench.references import References
from bench.stopwatch import Stopwatch
from bench.truth import Truth, measure_truth
from cam import NEGATED, Maps, Method, compute_maps
from datasets import Batch
from metrics.evaluation import applicable, evaluate, known_rows
from metrics.inputs import BatchInputs, MapInputs, negated
from metrics.localisation import box_ious, pixel_histograms
from metrics.ordering import tie_permutation
from metrics.perturbation import Curve, ScoreFn, read_backwards, turned
from metrics.registry import FORWARD

Forward = dict[str, Curve | Tensor]


@dataclass
class BatchScores:
    """Everything computed on one batch, on the host; row b * K + k of N = B * K is image b, target k.

    Attributes:
        batch: the images.
        maps: logits and signed maps.
        roles: (N,) of right, wrong, present.
        values: per (method, layer, metric) the rows that apply, (R,), and their values, (R,) float64.
        curves: per (method, layer, curve name) the rows, (R,), and their curves.
        boxes: per (method, layer) the rows, object and background histograms and box IoUs.
        undefined: per (method, layer), controls among them, how many of the N maps hold a NaN or an infinity.
    """

    batch: Batch
    maps: Maps
    roles: np.ndarray
    values: dict[tuple[str, str, str], tuple[Tensor, Tensor]] = field(default_factory=dict)
    curves: dict[tuple[str, str, str], tuple[Tensor, Curve]] = field(default_factory=dict)
    boxes: dict[tuple[str, str], tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)
    undefined: dict[tuple[str, str], int] = field(default_factory=dict)


def score_batch(batch: Batch, plan: Plan, score_fn: ScoreFn, watch: Stopwatch) -> BatchScores:
    """Scores one batch.

    Args:
        batch: images and masks on the host.
        plan: what to compute.
        score_fn: images (N, 3, H, W) in [0, 1] to logits (N, K).
        watch: adds to the stages maps, perturbation and metrics.
    """
    images = batch.images.to(plan.device, non_blocking=True).float() / 255
    with watch.stage("maps"), watch.model():
        functions = {name: method.function for name, method in plan.methods.items() if isinstance(method, Method)}
        maps = compute_maps(plan.classifier, plan.classifier.network, images, tuple(plan.layers), functions)
    _check_finite(maps.logits, batch.ids)
    with watch.stage("truth"):
        truth = measure_truth(batch, maps.logits, score_fn, plan.batch_size) if plan.truth else None
    references = References(images, batch, truth, plan)
    maps = references.with_named(maps)
    scores = BatchScores(batch, maps, role_names(batch.present))
    with watch.stage("metrics"):
        shared = _batch_inputs(batch, maps, truth, plan)
    known = known_rows(shared, scores.roles)
    job = _Job(scores, plan, Perturbation(images, maps.logits, plan, score_fn, watch), watch, known)
    for (name, layer), signed in maps.signed.items():
        inputs = MapInputs(shared, signed)
        job.score((name, layer), inputs)
        if plan.controls and isinstance(plan.methods[name], Method):
            backwards = {
                turned(curve): read_backwards(scores.curves[name, layer, curve][1])
                for curve in plan.curves
                if (name, layer, curve) in scores.curves and turned(curve)
            }
            job.score_control((f"{NEGATED}{name}", layer), negated(inputs), backwards)
        scores.undefined[name, layer] = int((~inputs.defined).sum())
    for key, control in references.controls():
        inputs = MapInputs(shared, control)
        job.score_control(key, inputs, {})
        scores.undefined[key] = int((~inputs.defined).sum())
    scores.maps = Maps(maps.logits.cpu(), {key: signed.cpu() for key, signed in maps.signed.items()})
    return scores


def role_names(present: Tensor) -> np.ndarray:
    """Role of every row: present (B, K) bool to (B * K,) of right, wrong, present."""
    both = present.sum(dim=1, keepdim=True) > 1
    names = np.where(both, "present", np.where(present, "right", "wrong"))
    return np.asarray(names).reshape(-1)


def _check_finite(logits: Tensor, ids: tuple[str, ...]) -> None:
    bad = (~logits.isfinite()).any(dim=1).nonzero().flatten().tolist()
    if bad:
        raise ConfigError(
            f"the network gives {logits[bad[0]].tolist()} on '{ids[bad[0]]}', expected finite logits; "
            "check the checkpoint, or use --dtype float32"
        )


def _batch_inputs(batch: Batch, maps: Maps, truth: Truth | None, plan: Plan) -> BatchInputs:
    height, width = plan.size
    permutations = [tie_permutation(image_id, height * width, plan.config.seed) for image_id in batch.ids]
    return BatchInputs(
        size=plan.size,
        permutations=torch.stack(permutations).to(plan.device),
        probability=maps.logits.double().softmax(dim=1),
        masks=None if batch.masks is None else batch.masks.to(plan.device),
        faces=None if batch.faces is None else batch.faces.to(plan.device),
        parts=None if batch.parts is None else batch.parts.to(plan.device),
        part_effect=None if truth is None else truth.part_effect,
        certified=None if truth is None else truth.certified,
    )


@dataclass(frozen=True)
class _Job:
    """Scores the maps of one batch, one method or control at one layer at a time."""

    scores: BatchScores
    plan: Plan
    work: Perturbation
    watch: Stopwatch
    known: dict[str, np.ndarray]

    def score(self, key: tuple[str, str], inputs: MapInputs) -> None:
        """Every metric of a method; keeps its curves."""
        rows = self._forward_rows(inputs)
        forward = self._forward(inputs, rows, {})
        for name in self.plan.curves:
            if isinstance(found := forward.get(name), Curve):
                self.scores.curves[*key, name] = rows, found
        self._metrics(key, inputs, forward, rows)
        known = torch.from_numpy(np.flatnonzero(self.known["mask"]))
        if len(known) and "pxap" in self.plan.metrics:
            self.scores.boxes[key] = known, *_boxes(inputs, known)

    def score_control(self, key: tuple[str, str], inputs: MapInputs, known: dict[str, Curve]) -> None:
        """Every metric of a control; with `--controls cheap` only those that need no forward pass beyond `known`."""
        rows = self._forward_rows(inputs)
        forward: Forward = dict(known)
        if self.plan.config.controls == "all":
            forward = self._forward(inputs, rows, known)
        self._metrics(key, inputs, forward, rows)

    def _asked(self) -> np.ndarray:
        """Whether a row's role gets curves, (N,)."""
        return np.isin(self.scores.roles, [*self.plan.config.targets, "present"])

    def _forward_rows(self, inputs: MapInputs) -> Tensor:
        """Rows that get curves: not those without a finite map, which has no order."""
        return torch.from_numpy(np.flatnonzero(self._asked() & inputs.defined.cpu().numpy()))

    def _forward(self, inputs: MapInputs, rows: Tensor, known: dict[str, Curve]) -> Forward:
        """What the metrics need the network for, computed unless it is known; nothing where no row asks for it."""
        forward: Forward = dict(known)
        if self._asked().any():
            forward |= {name: self.work.curve(name, inputs, rows) for name in self.plan.curves if name not in known}
            if any("masked_probability" in metric.inputs for metric in self.plan.metrics.values()):
                forward["masked_probability"] = self.work.masked_probability(inputs, rows)
        return forward

    def _metrics(self, key: tuple[str, str], inputs: MapInputs, forward: Forward, forward_rows: Tensor) -> None:
        with self.watch.stage("metrics"):
            for name, metric in self.plan.metrics.items():
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
