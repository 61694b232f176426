"""Everything a run needs, resolved and checked before any long work."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from bench.config import NetworkConfig, RunConfig
from bench.engine import Job, control_sample, layer_shapes
from bench.environment import select_device
from bench.errors import ConfigError
from bench.layers import tapped_by_default
from bench.run.data import read_dataset
from bench.run.given import read_maps_file
from bench.run.selection import check_annotations, must_apply, select_methods, select_metrics
from bench.userfunctions import guarded_result, import_named
from cam import CONTROLS, Method, MethodError, Network
from cam.registry import SPECIAL
from datasets import Dataset
from datasets.mosaics import mosaics
from metrics import Metric
from metrics.gains import FAMILY as SUBSTRATES
from weights import (
    ARCHITECTURES,
    Architecture,
    Classifier,
    WeightsError,
    as_architecture,
    find_architecture,
    load_classifier,
    named,
    tried,
)

CPU_BATCH, CUDA_BATCH = 32, 128
CONTROL_CURVES: dict[str, Literal["none", "sampled", "all"]] = {
    "none": "none", "cheap": "none", "sampled": "sampled", "all": "all",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A resolved configuration.

    Attributes:
        config: the options.
        dataset: the images.
        classifier: the network.
        job: what the engine computes on every batch; a batch is a shard.
        maps: file and SHA-256 of maps that were made elsewhere, where there are any.
    """

    config: RunConfig
    dataset: Dataset
    classifier: Classifier
    job: Job
    maps: dict[str, str] | None = None

    @property
    def shards(self) -> list[range]:
        """Positions of the records of every shard: one batch each, so that boundaries never move."""
        total = len(self.dataset.records)
        size = self.job.batch_size
        return [range(start, min(start + size, total)) for start in range(0, total, size)]


def make_plan(config: RunConfig, gpu: int | None = None) -> Plan:
    """Resolves names, loads the data set's list and the checkpoint, and tries one forward pass.

    Args:
        config: the options.
        gpu: number of the GPU where the options leave the choice.

    Raises:
        ConfigError, DatasetError, WeightsError, LayerError, MetricError: whatever cannot work, in one line.
    """
    methods = select_methods(config.methods)
    truth = any(method.needs_truth for method in methods.values())
    metrics = select_metrics(config.metrics, config.protocols, config.substrates, truth=truth)
    device = select_device(config.device, gpu)
    architectures = known_architectures(config.arch)
    classifier = read_network(config, device, architectures)
    dataset = read_dataset(
        config.dataset, config.data_root, config.split, config.limit, classifier.classes, download=config.download
    )
    if config.mosaic is not None:
        dataset = mosaics(dataset, config.mosaic, config.seed)
    _check_dataset(config, dataset, methods, metrics)
    given, ids = None, [record.image_id for record in dataset.records]
    if config.maps is not None:
        given = read_maps_file(config.maps, ids, len(classifier.classes))
        methods |= given.methods([*methods, *CONTROLS])
    layers = config.layers or (tapped_by_default(classifier, architectures, config.reshape),)
    methods = _defined(config, methods, classifier, layers, device)
    job = make_job(config, classifier, layers, methods, metrics, device, ids=ids, drawn=dataset.drawn)
    return Plan(config, dataset, classifier, job, given.record if given else None)


def read_network(config: NetworkConfig, device: torch.device, architectures: Mapping[str, Architecture]) -> Classifier:
    """The network of the options, tried on plain images.

    Raises:
        WeightsError: whatever keeps it from giving logits.
    """
    return tried(
        load_classifier(
            config.weights,
            arch=config.arch,
            classes=config.classes,
            groups=config.groups,
            output=config.output,
            resize=config.resize,
            crop=config.crop,
            mean=config.mean,
            std=config.std,
            interpolation=config.interpolation,
            device=device,
            dtype=getattr(torch, config.dtype),
            architectures=architectures,
        )
    )


def _defined(
    config: RunConfig,
    methods: Mapping[str, Method],
    classifier: Classifier,
    layers: Sequence[str],
    device: torch.device,
) -> dict[str, Method]:
    """Without what a word such as all stands for and this network does not have; a line on stderr says which."""
    kept, size = dict(methods), classifier.checkpoint.preprocess.size
    network = Network(classifier, classifier.network, config.reshape)
    for name, method in methods.items():
        if name not in config.methods and set(SPECIAL) & set(method.inputs):
            try:
                layer_shapes(network, size, layers, device, {name: method})
            except MethodError as error:
                print(f"left out: method '{name}': {error}", file=sys.stderr, flush=True)
                del kept[name]
    return kept


def make_job(
    config: RunConfig,
    classifier: Classifier,
    layers: Sequence[str],
    methods: Mapping[str, Method],
    metrics: Mapping[str, Metric],
    device: torch.device,
    *,
    ids: Sequence[str] | None = None,
    drawn: bool = False,
) -> Job:
    """What the engine is to compute, after one pass of a grey image in which doubtful methods are called.

    Args:
        config: the options.
        classifier: the network.
        layers: to tap.
        methods: to score.
        metrics: to score them by.
        device: of the network.
        ids: of all images, of which some are chosen for the curves of controls; None chooses all.
        drawn: whether the images are drawn scenes, which can be drawn again without a part.

    Raises:
        LayerError, MethodError, UserFunctionError: a layer that cannot be tapped, a method that fails.
    """
    preprocess, network = classifier.checkpoint.preprocess, Network(classifier, classifier.network, config.reshape)
    size = preprocess.size
    own = {
        name: method
        for name, method in methods.items()
        if (method.finish is not None or set(SPECIAL) & set(method.inputs)) and method.size is None
    }
    if config.smooth and not any(metric.family in ("srg", SUBSTRATES) for metric in metrics.values()):
        raise ConfigError(
            "smooth needs metrics of SRG, srg_probability or another; use --protocols srg, or no --smooth"
        )
    wanted = [entry.needs_truth for entry in methods.values()] + [entry.needs_truth for entry in metrics.values()]
    return Job(
        network=network,
        classes=classifier.classes,
        size=size,
        mean=preprocess.colour,
        layers=layer_shapes(network, size, layers, device, own),
        methods=methods,
        controls={} if config.controls == "none" else {k: v for k, v in CONTROLS.items() if k not in methods},
        metrics=metrics,
        device=device,
        negated=config.controls != "none",
        control_curves=CONTROL_CURVES[config.controls],
        control_images=None if ids is None else control_sample(ids, config.seed),
        targets=config.targets,
        steps=config.steps,
        seed=config.seed,
        batch_size=config.batch_size or (CUDA_BATCH if device.type == "cuda" else CPU_BATCH),
        removals=any(wanted) and drawn,
        smooth=config.smooth,
    )


def _check_dataset(
    config: RunConfig, dataset: Dataset, methods: Mapping[str, Method], metrics: Mapping[str, Metric]
) -> None:
    if any(not record.classes for record in dataset.records):
        raise ConfigError(f"split '{config.split}' has images of no class, which are to train on; choose another")
    for name, method in methods.items():
        if method.needs_truth and not dataset.drawn:
            raise ConfigError(f"method '{name}' needs drawn scenes; use --dataset synthetic")
    if must_apply(config.metrics):
        check_annotations(metrics, dataset)


def known_architectures(name: str | None) -> Mapping[str, Architecture]:
    """The registry, and the architecture of this name beside it, be it a library's or package.module:function.

    Raises:
        ConfigError, WeightsError: unknown name, or no architecture.
    """
    if name is None or named(name):
        return ARCHITECTURES
    if ":" not in name:
        return {**ARCHITECTURES, name: find_architecture(name)}
    found = as_architecture(name, import_named("architecture", name))
    build = guarded_result(f"architecture '{name}'", found.build, nn.Module, WeightsError)
    return {**ARCHITECTURES, name: dataclasses.replace(found, build=build)}
