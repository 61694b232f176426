"""Methods and metrics of a run: from their names, checked against each other and against the data set."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.config import RunConfig
from bench.errors import ConfigError
from bench.names import resolve, unknown
from bench.userfunctions import as_map, guarded_map, guarded_values
from cam import CONTROLS, LADDER, METHODS, Method
from datasets import Dataset, Record
from metrics import METRICS, PROTOCOLS, Metric
from metrics.registry import TRUTH

NEEDED = {  # per annotation, what an image must be
    "mask": "with a mask or a box of the animal",
    "other_mask": "with boxes or masks of both animals",
    "face": "with a box of the head",
    "other_face": "with boxes of both heads",
    **dict.fromkeys(TRUTH, "that is drawn (--dataset synthetic)"),
}


WORDS: dict[str, Callable[[Method], bool]] = {  # each stands for methods of the registry
    "all": lambda _method: True,
    "fast": lambda method: method.fast,
}


def select_methods(names: Sequence[str]) -> dict[str, Method]:
    """Map methods, controls and truths by name; functions of the user's own are called under a guard.

    The word all stands for every method of the registry, fast for those that need no pass of their own.

    Raises:
        ConfigError: an unknown name, or a function that cannot be one.
    """
    meant: dict[str, Method] = {}
    for name in names:
        chosen = WORDS.get(name)
        meant |= {name: _method(name)} if chosen is None else {k: m for k, m in METHODS.items() if chosen(m)}
    return meant


def select_metrics(config: RunConfig, *, truth: bool = False) -> dict[str, Metric]:
    """The metrics of a run: those named, or all that the protocols provide for.

    Without a protocol no metric runs the network again; those of the truth come, unless they are named, with
    the maps that need it.

    Args:
        config: the options.
        truth: whether a method needs drawn images to be scored without each part.

    Raises:
        ConfigError: unknown metric or protocol, or a metric whose protocol is not selected.
    """
    protocols = () if config.protocols == ("none",) else config.protocols
    for name in protocols:
        if name not in PROTOCOLS:
            raise ConfigError(unknown("protocol", name, [*PROTOCOLS, "none"]))
    provided = {curve for name in protocols for curve in PROTOCOLS[name].curves}

    def available(metric: Metric) -> bool:
        return (metric.family not in PROTOCOLS or metric.family in protocols) and (
            bool(protocols) or not metric.perturbs
        )

    if config.metrics is None:
        free = {name: metric for name, metric in METRICS.items() if available(metric)}
        return {name: metric for name, metric in free.items() if protocols or truth or not metric.needs_truth}
    chosen = {name: _metric(name) for name in config.metrics}
    for name, metric in chosen.items():
        if not available(metric) or not provided.issuperset(metric.curves):
            needed = metric.family if metric.family in PROTOCOLS else "rise,srg"
            raise ConfigError(f"metric '{name}' needs --protocols {needed}; given: {','.join(config.protocols)}")
    return chosen


def check_annotations(metrics: Mapping[str, Metric], dataset: Dataset) -> None:
    """Raise unless for every metric there is an image that has all it asks for.

    Raises:
        ConfigError: the metric, and what no image has.
    """
    for name, metric in metrics.items():
        records = [record for record in dataset.records if _has_role(record, metric.roles)]
        lacking = "" if records else "that shows both animals" if metric.roles == ("present",) else "of one animal"
        for annotation in metric.annotations if records else ():
            records = [record for record in records if _has_annotation(record, annotation)]
            lacking = lacking or ("" if records else NEEDED[annotation])
        if lacking:
            raise ConfigError(
                f"metric '{name}' needs an image {lacking}, and none of the {len(dataset.records)} in '{dataset.name}' "
                "is one; leave it out of --metrics, or give other data"
            )


def _has_role(record: Record, roles: tuple[str, ...]) -> bool:
    own = ("present",) if len(record.classes) > 1 else ("right", "wrong")
    return any(role in roles for role in own)


def _has_annotation(record: Record, name: str) -> bool:
    if name in TRUTH:
        return record.drawing is not None
    both = len(record.classes) > 1
    there = record.has_mask if name.endswith("mask") else record.has_face
    return there and (both or not name.startswith("other_"))


def _method(name: str) -> Method:
    registry = {**METHODS, **CONTROLS, **LADDER}
    if name not in registry and ":" not in name:
        raise ConfigError(unknown("method", name, [*registry, *WORDS]))
    found: Any = resolve("method", name, registry)
    if name in registry:
        return registry[name]
    method = found if isinstance(found, Method) else Method(found, name, "named on the command line")
    what = f"method '{name}'"
    return dataclasses.replace(method, function=guarded_map(what, method.function), finish=as_map(what))


def _metric(name: str) -> Metric:
    found: Any = resolve("metric", name, METRICS)
    if name in METRICS:
        return METRICS[name]
    metric = found if isinstance(found, Metric) else Metric(found, name, meaning="named on the command line")
    return dataclasses.replace(metric, function=guarded_values(f"metric '{name}'", metric.function))
