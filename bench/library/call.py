"""`evaluate`: scores maps of a network in memory with the engine, the store and the tables of the command line."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from bench.config import RunConfig, load_options
from bench.engine import Job, Stopwatch
from bench.environment import make_deterministic
from bench.errors import ConfigError
from bench.layers import tapped_by_trial
from bench.library.images import Images
from bench.library.network import as_classifier, device_of
from bench.library.result import Result
from bench.library.theirs import given_maps
from bench.library.untouched import moved, settings_kept
from bench.run.given import GivenMaps
from bench.run.manifest import first_manifest
from bench.run.plan import make_job
from bench.run.scored import complete, score_function, score_shard
from bench.run.selection import Given, must_apply, select_methods, select_metrics
from bench.run.store import RunStore
from cam import CONTROLS, Method
from metrics import Metric
from weights import Classifier

Item = TypeVar("Item")


def evaluate(
    model: nn.Module,
    images: Any,
    labels: Any = None,
    *,
    classes: Sequence[str] | None = None,
    groups: Mapping[str, object] | None = None,
    output: str | None = None,
    layers: Sequence[str] | None = None,
    reshape: str = "auto",
    methods: Iterable[Given] | Mapping[str, Any] = ("gradcam", "layercam"),
    metrics: Iterable[Given] | Mapping[str, Any] | None = None,
    protocols: Sequence[str] = ("rise", "srg"),
    targets: Sequence[str] = ("right",),
    controls: str = "sampled",
    smooth: Sequence[float] = (),
    substrates: Sequence[str] = (),
    steps: int = 32,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    masks: Any = None,
    ids: Sequence[str] | None = None,
    maps: Mapping[str, Any] | None = None,
    device: str | torch.device | None = None,
    batch_size: int | None = None,
    seed: int = 0,
) -> Result:
    """Scores class activation maps of a network on images.

    The model, torch's settings and random numbers, and figures are as they were when it returns, and when it raises.

    Args:
        model: any network, of normalised images (B, 3, H, W) to outputs (B, K); or a `weights.Classifier`.
        images: (N, 3, H, W) in [0, 1], before normalisation; or a DataLoader or any iterable of batches
            (images, labels) or (images, labels, masks), of any size.
        labels: beside a tensor of images: a name or a number for each, or presence (N, K).
        classes: names in the order of the network's outputs; None: those of a Classifier, else cat and dog.
        groups: outputs that are read as one class each, {"cat": "281-285", "dog": [151, 152]}, in place of classes.
        output: name or index of the part that holds the outputs, where the network returns several.
        layers: names as `model.named_modules()` gives them; None: the last map on the way to the outputs.
        reshape: how outputs that are no maps become maps, as --reshape.
        methods: names, functions, `cam.Method` entries, or a dict of them by name.
        metrics: names, functions, `metrics.Metric` entries, or a dict of them by name; None: all that apply.
        protocols: perturbation presets, or ("none",).
        targets: roles that get curves: right, wrong.
        controls: none, cheap, sampled or all, as --controls; sampled means all images here, at the first layer.
        substrates: under which SRG is scored beside RISE's blur, as --substrates.
        smooth: standard deviations in cells by which maps at the first layer are smoothed, and scored again.
        steps: of a curve, even.
        mean: per channel, of the normalisation; None: a Classifier's, else ImageNet's.
        std: per channel.
        masks: of 1 object, 0 background, 255 not known: (N, H, W), or (N, K, H, W) with an object for each class.
        ids: a name for every image, which decides how ties are broken; None numbers them.
        maps: made elsewhere, (N, K, h, w) by name, scored beside the methods.
        device: where to compute; None: where the model is.
        batch_size: images per forward pass; no number depends on it.
        seed: of the tie rule, of random maps and of the intervals.

    Returns:
        Tables, maps, figures and a report, when they are asked for.

    Raises:
        ConfigError, WeightsError, LayerError, MethodError, MetricError: what cannot be used, in one line; all are
            ValueErrors. A function of one's own that fails is a ConfigError, too.
    """
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model is a {type(model).__name__}, expected a torch.nn.Module")
    place = device_of(model, device)
    folder = Path(tempfile.mkdtemp(prefix="cambench-"))
    try:
        with settings_kept(place), moved(model, place):
            chosen = select_methods(_pairs(methods))
            options = {"layers": layers, "reshape": reshape, "protocols": protocols, "targets": targets,
                       "controls": controls, "smooth": list(smooth), "substrates": list(substrates), "steps": steps,
                       "batch_size": batch_size, "seed": seed}  # fmt: skip
            config = _config(model, chosen, options, place, folder)
            named = None if metrics is None else list(_pairs(metrics))
            scored_by = select_metrics(named, config.protocols, config.substrates)
            make_deterministic(config.seed)
            pictures = Images(images, labels, masks, ids)
            _check_annotations(chosen, scored_by if must_apply(named) else {}, pictures.masked)
            with as_classifier(model, pictures.size, classes, groups, output, mean, std) as classifier:
                given = None if not maps else given_maps(maps, ids, len(classifier.classes))
                chosen |= given.methods([*chosen, *CONTROLS]) if given else {}
                where = config.layers or (tapped_by_trial(classifier, config.reshape),)
                job = make_job(config, classifier, where, chosen, scored_by, place)
                _score(pictures, job, classifier, config, given, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Result(folder, pictures.ids)


def _score(
    pictures: Images, job: Job, classifier: Classifier, config: RunConfig, given: GivenMaps | None, folder: Path
) -> None:
    """Scores all images, batch by batch, and writes the run directory."""
    watch = Stopwatch(job.device)
    record = given.record if given else None
    manifest = first_manifest(job, classifier.checkpoint, config, pictures.record(), record)
    store = RunStore(folder, manifest, 0)
    store.create(resume=False)
    score_fn = score_function(classifier, watch)
    batches = _timed(pictures.batches(job.batch_size, classifier.classes), watch)
    for number, batch in enumerate(batches):
        count = len(batch.ids)
        score_shard(number, batch, pictures.labels[-count:], [""] * count, job, score_fn, store, watch)
    if given and len(given.rows) > len(pictures.ids):
        raise ConfigError(f"maps are of {len(given.rows)} images, {len(pictures.ids)} were given; give as many")
    with watch.stage("write"):
        store.write_skipped([])
    complete(store, job, {**manifest, "dataset": pictures.record()}, len(pictures.ids), [], watch)


def _timed(items: Iterator[Item], watch: Stopwatch) -> Iterator[Item]:
    while True:
        with watch.stage("load"):
            item = next(items, None)
        if item is None:
            return
        yield item


def _pairs(given: Any) -> Iterable[Given]:
    """What was given as names, functions or entries, one or several; a dict as pairs."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, str | Method | Metric) or callable(given):
        return [given]
    if not isinstance(given, Iterable):
        raise ConfigError(f"methods or metrics are a {type(given).__name__}, expected a list of names or functions")
    return list(given)


def _config(
    model: nn.Module, methods: Mapping[str, Method], options: Mapping[str, Any], place: torch.device, folder: Path
) -> RunConfig:
    """The options as the command line has them: checked in the same way, and kept in the manifest."""
    listed = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    said = {key: value for key, value in listed.items() if value is not None}
    name = type(model).__name__
    fixed = {"dataset": "in memory", "weights": name, "device": str(place), "out": str(folder)}
    return load_options(RunConfig, None, {**said, **fixed, "methods": list(methods)})


def _check_annotations(methods: Mapping[str, Method], metrics: Mapping[str, Metric], masked: bool) -> None:
    """Raise where something asks for what images in memory never have, or these have not."""
    for name, method in methods.items():
        if method.needs_truth:
            raise ConfigError(f"method '{name}' needs drawn scenes; score them with cambench run --dataset synthetic")
    for name, metric in metrics.items():
        lacking = [each for each in metric.annotations if not (masked and each in ("mask", "other_mask"))]
        if lacking:
            remedy = "give masks=" if "mask" in lacking[0] else "images in memory have none; leave it out"
            raise ConfigError(f"metric '{name}' needs '{lacking[0]}': {remedy}")
