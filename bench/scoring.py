"""One batch of images: maps, curves and every metric, on the device, in batches."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.errors import ConfigError
from bench.plan import Plan
from bench.stopwatch import Stopwatch
from bench.truth import Truth, measure_truth
from cam import Maps, Method, Reference, ReferenceInputs, compute_maps
from datasets import Batch
from metrics import Metric
from metrics.inputs import BatchInputs, MapInputs
from metrics.localisation import IGNORE, box_ious, pixel_histograms
from metrics.ordering import tie_permutation
from metrics.perturbation import Curve, ScoreFn, curve, masked_logits
from metrics.scaling import min_max_scaled
from metrics.substrates import SUBSTRATES, mean_substrate


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
    """

    batch: Batch
    maps: Maps
    roles: np.ndarray
    values: dict[tuple[str, str, str], tuple[Tensor, Tensor]] = field(default_factory=dict)
    curves: dict[tuple[str, str, str], tuple[Tensor, Curve]] = field(default_factory=dict)
    boxes: dict[tuple[str, str], tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)


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
    maps = _with_references(maps, images, batch, truth, plan)
    scores = BatchScores(batch, maps, role_names(batch.present))
    with watch.stage("metrics"):
        shared = _batch_inputs(batch, maps, truth, plan)
    work = _Perturbation(images, maps.logits, plan, score_fn, watch)
    for (method, layer), signed in maps.signed.items():
        inputs = MapInputs(shared, signed)
        _score_maps(scores, (method, layer), inputs, plan, work, watch)
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


def _with_references(maps: Maps, images: Tensor, batch: Batch, truth: Truth | None, plan: Plan) -> Maps:
    """The maps of all methods and references, in the order they were named."""
    signed = dict(maps.signed)
    parts = None if batch.parts is None else batch.parts.to(plan.device)
    effect = None if truth is None else truth.part_effect
    for layer, shape in plan.layers.items():
        size = (shape["height"], shape["width"])
        classes = maps.logits.shape[1]
        inputs = ReferenceInputs(images, batch.ids, plan.config.seed, classes, size, parts, effect)
        for name, method in plan.methods.items():
            if isinstance(method, Reference):
                signed[name, layer] = method.function(inputs)
    return Maps(maps.logits, {(name, layer): signed[name, layer] for layer in plan.layers for name in plan.methods})


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


def _score_maps(
    scores: BatchScores,
    key: tuple[str, str],
    inputs: MapInputs,
    plan: Plan,
    work: "_Perturbation",
    watch: Stopwatch,
) -> None:
    """Every metric of one method at one layer."""
    known = _known_rows(inputs, len(scores.roles))
    selected = np.isin(scores.roles, [*plan.config.targets, "present"])
    forward_rows = torch.from_numpy(np.flatnonzero(selected))
    forward: dict[str, Curve | Tensor] = {}
    if len(forward_rows):
        for name in plan.curves:
            forward[name] = found = work.curve(name, inputs, forward_rows)
            scores.curves[*key, name] = forward_rows, found
        if any("masked_probability" in metric.inputs for metric in plan.metrics.values()):
            forward["masked_probability"] = work.masked_probability(inputs, forward_rows)
    with watch.stage("metrics"):
        for name, metric in plan.metrics.items():
            applies = np.isin(scores.roles, metric.roles) & known[_required(metric)]
            if metric.needs_forward:
                applies &= selected
            rows = torch.from_numpy(np.flatnonzero(applies))
            if len(rows):
                scores.values[*key, name] = rows, _evaluate(metric, inputs, forward, forward_rows, rows)
        rows = torch.from_numpy(np.flatnonzero(known["mask"]))
        if len(rows) and "pxap" in plan.metrics:
            maps, masks = inputs.upsampled[rows], inputs.mask[rows]  # type: ignore[index]
            foreground, background = pixel_histograms(maps, masks)
            scores.boxes[key] = rows, foreground.cpu(), background.cpu(), box_ious(maps, masks)


def _evaluate(
    metric: Metric,
    inputs: MapInputs,
    forward: dict[str, "Curve | Tensor"],
    forward_rows: Tensor,
    rows: Tensor,
) -> Tensor:
    """Values (R,) float64 on the host of one metric at `rows`; what needed the model exists at `forward_rows` only."""
    if metric.needs_forward:
        arguments = {
            name: forward[name] if name in forward else getattr(inputs, name)[forward_rows].cpu()
            for name in metric.inputs
        }
        return metric.function(**arguments).double()[torch.isin(forward_rows, rows)]
    values = metric.function(**{name: getattr(inputs, name) for name in metric.inputs})
    return values.double().cpu()[rows]


def _known_rows(inputs: MapInputs, count: int) -> dict[str, np.ndarray]:
    """Per annotation the rows whose image has it; one that is all "ignore" is not known."""
    known = {"": np.ones(count, dtype=bool)}
    effect = inputs.part_effect
    known["truth"] = np.zeros(count, dtype=bool) if effect is None else (~effect.isnan()).any(dim=1).cpu().numpy()
    for name in ("mask", "face"):
        annotation = getattr(inputs, name)
        known[name] = (
            np.zeros(count, dtype=bool)
            if annotation is None
            else (annotation != IGNORE).flatten(1).any(dim=1).cpu().numpy()
        )
    return known


def _required(metric: Metric) -> str:
    """The annotation a metric cannot do without: truth, mask, face or none ("")."""
    if metric.needs_truth:
        return "truth"
    if "mask" in metric.inputs or "other_mask" in metric.inputs:
        return "mask"
    return "face" if "face" in metric.inputs else ""


class _Perturbation:
    """The perturbation stage of one batch; substrates and their logits are computed once for all maps."""

    def __init__(self, images: Tensor, logits: Tensor, plan: Plan, score_fn: ScoreFn, watch: Stopwatch) -> None:
        self.images, self.logits, self.plan, self.score_fn, self.watch = images, logits, plan, score_fn, watch
        self.mean = plan.classifier.checkpoint.preprocess.mean
        self.substrates: dict[str, tuple[Tensor, Tensor]] = {}

    def curve(self, name: str, inputs: MapInputs, rows: Tensor) -> Curve:
        """The curve `direction_substrate` of the maps at `rows`, on the host."""
        direction, _, kind = name.partition("_")
        with self.watch.stage("metrics"):
            ranks = inputs.ranks[rows]
        classes = self.logits.shape[1]
        with self.watch.stage("perturbation"):
            substrate, substrate_logits = self._substrate(kind)
            logits = masked_logits(
                self.score_fn,
                self.images,
                substrate,
                ranks,
                (rows // classes).to(self.images.device),
                ends=(self.logits, substrate_logits),
                steps=self.plan.config.steps,
                direction="deletion" if direction == "deletion" else "insertion",
                batch_size=self.plan.batch_size,
            )
            return curve(logits.cpu(), rows % classes)

    def masked_probability(self, inputs: MapInputs, rows: Tensor) -> Tensor:
        """Softmax probability (R,) of the targets at `rows`, each image masked by its scaled map, on the host."""
        classes = self.logits.shape[1]
        owner = rows // classes
        with self.watch.stage("perturbation"):
            weight = min_max_scaled(inputs.upsampled[rows])[:, None]  # (R, 1, H, W)
            colour = mean_substrate(self.images[:1], self.mean)
            parts = [
                self.score_fn(torch.lerp(colour, self.images[index], w))
                for index, w in zip(owner.split(self.plan.batch_size), weight.split(self.plan.batch_size), strict=True)
            ]
            probability = torch.cat(parts).double().softmax(dim=1)
            return probability.cpu().gather(1, (rows % classes)[:, None])[:, 0]

    def _substrate(self, kind: str) -> tuple[Tensor, Tensor]:
        if kind not in self.substrates:
            substrate = SUBSTRATES[kind](self.images, self.mean)
            self.substrates[kind] = substrate, self.score_fn(substrate)
        return self.substrates[kind]
