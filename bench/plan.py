"""Everything a run needs, resolved and checked before any long work."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.config import RunConfig
from bench.environment import select_device
from bench.errors import ConfigError
from bench.names import resolve
from bench.selection import check_annotations, select_methods, select_metrics
from bench.userfunctions import called, check_parameters, guarded_result
from cam import CONTROLS, METHODS, NEGATED, Method, Reference, tap
from datasets import DATASETS, ROOTLESS, Dataset, DatasetError
from datasets.drawn import GROUP_NAMES, PART_NAMES
from datasets.gather import check_dataset
from metrics import CURVES, PROTOCOLS, Metric
from metrics.substrates import KERNEL_SIGMA, KERNEL_SIZE
from weights import ARCHITECTURES, Architecture, Classifier, WeightsError, load_classifier, tried

CPU_BATCH, CUDA_BATCH = 32, 128


@dataclass(frozen=True)
class Plan:
    """A resolved configuration.

    Attributes:
        batch_size: images per forward pass, and per shard.
        layers: per layer its channels, height and width.
        methods: map methods, controls and truths, by name.
        controls: maps that every method should beat, unless they are among the methods; the negated ones come on top.
        metrics: the metrics to compute; those on curves only where a protocol provides them.
        curves: the curves those metrics need, `direction_substrate`.
    """

    config: RunConfig
    dataset: Dataset
    classifier: Classifier
    device: torch.device
    batch_size: int
    layers: dict[str, dict[str, int]]
    methods: dict[str, Method | Reference]
    controls: dict[str, Reference]
    metrics: dict[str, Metric]
    curves: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the images as the model sees them."""
        crop = self.classifier.checkpoint.preprocess.crop
        return crop, crop

    @property
    def truth(self) -> bool:
        """Whether drawn images are drawn again without each part, and scored."""
        wanted = [metric.needs_truth for metric in self.metrics.values()]
        wanted += [isinstance(method, Reference) and method.needs_truth for method in self.methods.values()]
        return any(wanted) and self.dataset.drawn

    @property
    def shards(self) -> list[range]:
        """Positions of the records of every shard: one batch each, so that boundaries never move."""
        total = len(self.dataset.records)
        return [range(start, min(start + self.batch_size, total)) for start in range(0, total, self.batch_size)]

    def control_records(self) -> dict[str, dict[str, str]]:
        """Title and meaning of every control that is scored, the negated maps of the methods among them."""
        records = {name: {"title": c.title, "meaning": c.meaning} for name, c in self.controls.items()}
        for name, method in self.methods.items() if self.config.controls != "none" else ():
            if isinstance(method, Method):
                title = f"{method.title}, negated"
                records[f"{NEGATED}{name}"] = {"title": title, "meaning": "the map's maximum minus the map"}
        return records

    def protocol_records(self) -> dict[str, dict[str, Any]]:
        """What the curves of each preset were computed with; numbers with different records are not comparable."""
        return {name: _protocol_record(name, self.config) for name in self.config.protocols if name != "none"}


def make_plan(config: RunConfig, gpu: int | None = None) -> Plan:
    """Resolves names, loads the data set's list and the checkpoint, and tries one forward pass.

    Args:
        config: the options.
        gpu: number of the GPU where the options leave the choice.

    Raises:
        ConfigError, DatasetError, WeightsError, LayerError, MetricError: whatever cannot work, in one line.
    """
    methods = select_methods(config.methods)
    metrics = select_metrics(config, truth=any(isinstance(m, Reference) and m.needs_truth for m in methods.values()))
    device = select_device(config.device, gpu)
    architectures = known_architectures(config.arch)
    dataset = read_dataset(config.dataset, config.data_root, config.split, config.limit, config.download)
    if any(not record.classes for record in dataset.records):
        raise ConfigError(f"split '{config.split}' has images of neither animal, which are to train on; choose another")
    for name, method in methods.items():
        if isinstance(method, Reference) and method.needs_truth and not dataset.drawn:
            raise ConfigError(f"method '{name}' needs drawn scenes; use --dataset synthetic")
    if config.metrics is not None:
        check_annotations(metrics, dataset)
    classifier = load_classifier(
        config.weights,
        arch=config.arch,
        classes=config.classes,
        resize=config.resize,
        crop=config.crop,
        mean=config.mean,
        std=config.std,
        device=device,
        dtype=getattr(torch, config.dtype),
        architectures=architectures,
    )
    classifier = tried(classifier)
    arch = classifier.checkpoint.arch
    layers = config.layers or (architectures[arch].default_layer,)
    shapes = _try_out(classifier, layers, methods, None if config.arch in ARCHITECTURES else config.arch)
    return Plan(
        config=config,
        dataset=dataset,
        classifier=classifier,
        device=device,
        batch_size=config.batch_size or (CUDA_BATCH if device.type == "cuda" else CPU_BATCH),
        layers=shapes,
        methods=methods,
        controls={} if config.controls == "none" else {k: v for k, v in CONTROLS.items() if k not in methods},
        metrics=metrics,
        curves=tuple(curve for curve in CURVES if any(curve in metric.curves for metric in metrics.values())),
    )


def read_dataset(name: str, root: Path | None, split: str | None, limit: int | None, download: bool = False) -> Dataset:
    """The list of images that an adapter gives.

    Raises:
        ConfigError, DatasetError: unknown adapter, or what it cannot read.
    """
    adapter: Any = resolve("data set", name, DATASETS)
    if root is None and name not in ROOTLESS:
        raise ConfigError(f"missing: --data-root, the folder or file that --dataset {name} reads")
    if name not in DATASETS:
        check_parameters(f"data set '{name}'", adapter, ("root", "split", "download"))
        adapter = guarded_result(f"data set '{name}'", adapter, Dataset, DatasetError)
    dataset = check_dataset(name, adapter(root, split, download))
    return dataset if limit is None else dataset.limited(limit)


def known_architectures(name: str | None) -> Mapping[str, Architecture]:
    """The registry, and the architecture named as package.module:object beside it.

    Raises:
        ConfigError: unknown name, or no architecture.
    """
    if name is None or name in ARCHITECTURES:
        return ARCHITECTURES
    found: Any = resolve("architecture", name, ARCHITECTURES)
    if not isinstance(found, Architecture):
        raise ConfigError(f"architecture '{name}' is no weights.Architecture; see weights/architectures.py for two")
    build = guarded_result(f"architecture '{name}'", found.build, nn.Module, WeightsError)
    return {**ARCHITECTURES, name: dataclasses.replace(found, build=build)}


def forward_passes(plan: Plan) -> int:
    """Forward passes per one-animal image: the maps, the substrates and all masked copies."""
    scored = len(plan.methods) + (len(plan.control_records()) if plan.config.controls == "all" else 0)
    maps = scored * len(plan.layers) * len(plan.config.targets)
    substrates = len({curve.partition("_")[2] for curve in plan.curves})
    confidence = any("masked_probability" in metric.inputs for metric in plan.metrics.values())
    removals = plan.truth * (1 + len(PART_NAMES) + len(GROUP_NAMES))
    return 1 + removals + substrates + maps * (len(plan.curves) * (plan.config.steps - 1) + confidence)


def _try_out(
    classifier: Classifier, layers: tuple[str, ...], methods: Mapping[str, Method | Reference], own_arch: str | None
) -> dict[str, dict[str, int]]:
    """Channels, height and width of every layer, from one forward pass of a grey image; one's own methods are called.

    Raises:
        LayerError, UserFunctionError: a layer that cannot be tapped; a user's architecture or method that fails.
    """
    crop, device = classifier.checkpoint.preprocess.crop, next(classifier.network.parameters()).device
    grey = torch.full((1, 3, crop, crop), 0.5, device=device)
    if own_arch is None:
        tapped = tap(classifier, classifier.network, grey, layers)
    else:
        tapped = called(f"architecture '{own_arch}'", lambda: tap(classifier, classifier.network, grey, layers))
    own = [method for name, method in methods.items() if name not in METHODS and isinstance(method, Method)]
    for method, layer in product(own, layers):
        method.function(tapped.activations[layer], tapped.gradients[layer])
    return {
        layer: dict(zip(("channels", "height", "width"), tapped.activations[layer].shape[1:], strict=True))
        for layer in layers
    }


def _protocol_record(name: str, config: RunConfig) -> dict[str, Any]:
    pairs = [curve.partition("_") for curve in PROTOCOLS[name].curves]
    blurred = any(substrate == "blur" for _, _, substrate in pairs)
    return {
        "preset": name,
        "directions": [direction for direction, _, _ in pairs],
        "substrates": [substrate for _, _, substrate in pairs],
        "kernel": f"gaussian_filter of an {KERNEL_SIZE}x{KERNEL_SIZE} impulse, sigma {KERNEL_SIGMA}"
        if blurred
        else None,
        "padding": "zeros in normalised space" if blurred else None,
        "steps": config.steps,
        "tie_rule": "permutation by PCG64 of SHA-256(seed:image_id)",
        "target": list(config.targets),
        "space": "pixels, upsampled map bilinear align_corners=False, substrates in normalised space",
        "score": "softmax probability of the target; margin beside it",
        "source": PROTOCOLS[name].source,
    }
