"""Everything a run needs, resolved and checked before any long work."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.config import RunConfig
from bench.engine import Job, layer_shapes
from bench.environment import select_device
from bench.errors import ConfigError
from bench.names import resolve
from bench.run.selection import check_annotations, select_methods, select_metrics
from bench.userfunctions import check_parameters, guarded_result
from cam import CONTROLS, NEGATED, Method, MethodError, Network
from datasets import DATASETS, ROOTLESS, Dataset, DatasetError
from datasets.gather import check_dataset
from metrics import PROTOCOLS, Metric
from metrics.substrates import KERNEL_SIGMA, KERNEL_SIZE
from weights import ARCHITECTURES, Architecture, Classifier, WeightsError, load_classifier, tried

CPU_BATCH, CUDA_BATCH = 32, 128
HEAD = "classifier_weights"  # what only some networks have


@dataclass(frozen=True)
class Plan:
    """A resolved configuration.

    Attributes:
        config: the options.
        dataset: the images.
        classifier: the network.
        job: what the engine computes on every batch; a batch is a shard.
    """

    config: RunConfig
    dataset: Dataset
    classifier: Classifier
    job: Job

    @property
    def shards(self) -> list[range]:
        """Positions of the records of every shard: one batch each, so that boundaries never move."""
        total = len(self.dataset.records)
        size = self.job.batch_size
        return [range(start, min(start + size, total)) for start in range(0, total, size)]

    def control_records(self) -> dict[str, dict[str, str]]:
        """Title and meaning of every control that is scored, the negated maps of the methods among them."""
        records = {name: {"title": c.title, "meaning": c.meaning} for name, c in self.job.controls.items()}
        for name, method in self.job.methods.items():
            if self.job.negated and method.kind == "method":
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
    metrics = select_metrics(config, truth=any(method.needs_truth for method in methods.values()))
    device = select_device(config.device, gpu)
    architectures = known_architectures(config.arch)
    dataset = read_dataset(config.dataset, config.data_root, config.split, config.limit, config.download)
    if any(not record.classes for record in dataset.records):
        raise ConfigError(f"split '{config.split}' has images of neither animal, which are to train on; choose another")
    for name, method in methods.items():
        if method.needs_truth and not dataset.drawn:
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
    layers = config.layers or (architectures[classifier.checkpoint.arch].default_layer,)
    return Plan(config, dataset, classifier, _job(config, dataset, classifier, layers, methods, metrics, device))


def _defined(
    config: RunConfig,
    methods: Mapping[str, Method],
    network: Network,
    size: tuple[int, int],
    layers: Sequence[str],
    device: torch.device,
) -> dict[str, Method]:
    """Without what a word such as all stands for and this network has no head for; a line on stderr says which."""
    kept = dict(methods)
    for name, method in methods.items():
        if name not in config.methods and HEAD in method.inputs:
            try:
                layer_shapes(network, size, layers, device, {name: method})
            except MethodError as error:
                print(f"left out: method '{name}': {error}", file=sys.stderr, flush=True)
                del kept[name]
    return kept


def _job(
    config: RunConfig,
    dataset: Dataset,
    classifier: Classifier,
    layers: Sequence[str],
    methods: Mapping[str, Method],
    metrics: Mapping[str, Metric],
    device: torch.device,
) -> Job:
    """What the engine is to compute, after one pass of a grey image in which doubtful methods are called.

    Raises:
        LayerError, MethodError, UserFunctionError: a layer that cannot be tapped, a method that fails.
    """
    preprocess, network = classifier.checkpoint.preprocess, Network(classifier, classifier.network)
    size = (preprocess.crop, preprocess.crop)
    methods = _defined(config, methods, network, size, layers, device)
    own = {k: method for k, method in methods.items() if method.finish is not None or HEAD in method.inputs}
    wanted = [entry.needs_truth for entry in methods.values()] + [entry.needs_truth for entry in metrics.values()]
    return Job(
        network=network,
        classes=classifier.classes,
        size=size,
        mean=preprocess.mean,
        layers=layer_shapes(network, size, layers, device, own),
        methods=methods,
        controls={} if config.controls == "none" else {k: v for k, v in CONTROLS.items() if k not in methods},
        metrics=metrics,
        device=device,
        negated=config.controls != "none",
        controls_forward=config.controls == "all",
        targets=config.targets,
        steps=config.steps,
        seed=config.seed,
        batch_size=config.batch_size or (CUDA_BATCH if device.type == "cuda" else CPU_BATCH),
        removals=any(wanted) and dataset.drawn,
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
        adapter = guarded_result(f"data set '{name}'", adapter, object, DatasetError)
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
