"""Methods and metrics of a run: from their names, checked against each other and against the data set."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from bench.errors import ConfigError
from bench.names import resolve, unknown
from bench.userfunctions import as_map, guarded_map, guarded_values
from cam import CONTROLS, LADDER, METHODS, Method
from datasets import Dataset, Record
from metrics import METRICS, PROTOCOLS, Metric
from metrics.gains import GAINS, gains_under
from metrics.registry import TRUTH
from metrics.substrates import BLUR, SUBSTRATES

Entry = TypeVar("Entry")
Given: TypeAlias = "str | Callable[..., Any] | Method | Metric | tuple[str, Any]"

ALL = "all"  # metrics, those on demand too, as far as they apply
OWN = "a function of the user's own"
MORE = ("gaussian", "noise", "shuffle")  # substrates of no protocol
NEEDED = {  # per annotation, what an image must be
    "mask": "with a mask or a box of the animal",
    "other_mask": "with boxes or masks of several classes",
    "face": "with a box of the head",
    "other_face": "with head boxes of several classes",
    **dict.fromkeys(TRUTH, "that is drawn (--dataset synthetic)"),
}


WORDS: dict[str, Callable[[Method], bool]] = {  # each stands for methods of the registry
    "all": lambda _method: True,
    "fast": lambda method: method.fast,
}


def select_methods(given: Iterable[Given]) -> dict[str, Method]:
    """Map methods, controls and truths by name; functions of the user's own are called under a guard.

    The word all stands for every method of the registry, fast for those that need no pass of their own.

    Args:
        given: names, of the registry or package.module:function; functions; entries; or pairs of a name and one of
            them.

    Raises:
        ConfigError: an unknown name, one that is given twice, or a function that cannot be one.
    """
    return _by_name("method", [pair for one in given for pair in _meant(one)])


def select_metrics(
    given: Iterable[Given] | None, protocols: Sequence[str], substrates: Sequence[str] = (), *, truth: bool = False
) -> dict[str, Metric]:
    """The metrics of a run: those given, or all that the protocols provide for and that are not on demand.

    The word all stands for those on demand, too, which run the network as often as they like. Without a protocol no
    metric runs the network again; those of the truth come, unless they are named, with the maps that need it.

    Args:
        given: as of `select_methods`, or None.
        protocols: names of presets, or none alone.
        substrates: under which SRG is scored beside RISE's blur, or all alone.
        truth: whether a method needs drawn images to be scored without each part.

    Raises:
        ConfigError: unknown metric, protocol or substrate, or a metric whose protocol is not selected.
    """
    chosen = _selected(given, protocols, substrates, truth)
    gains = tuple(name for name in GAINS if name in chosen and chosen[name] is METRICS[name])
    for substrate in _substrates(substrates):
        if not gains:
            raise ConfigError(f"substrate '{substrate}' needs SRG; use --protocols srg and metric srg_probability")
        chosen |= gains_under(substrate, gains)
    return chosen


def _substrates(given: Sequence[str]) -> tuple[str, ...]:
    """The substrates beside the blur, in the order of the registry."""
    for name in given:
        if name not in SUBSTRATES and tuple(given) != (ALL,):
            raise ConfigError(unknown("substrate", name, [*SUBSTRATES, ALL]))
    return tuple(name for name in SUBSTRATES if name != BLUR and (name in given or ALL in given))


def _selected(
    given: Iterable[Given] | None, protocols: Sequence[str], substrates: Sequence[str], truth: bool
) -> dict[str, Metric]:
    """Those of the protocols."""
    shown, protocols = ",".join(protocols), () if tuple(protocols) == ("none",) else protocols
    for name in protocols:
        if name not in PROTOCOLS:
            raise ConfigError(unknown("protocol", name, [*PROTOCOLS, "none"]))
    provided = {curve for name in protocols for curve in PROTOCOLS[name].curves}
    provided |= {f"{direction}_{name}" for name in _substrates(substrates) for direction in ("insertion", "deletion")}

    def available(metric: Metric) -> bool:
        return (metric.family not in PROTOCOLS or metric.family in protocols) and (
            bool(protocols) or not metric.perturbs
        )

    free = {name: metric for name, metric in METRICS.items() if available(metric)}
    every = {name: metric for name, metric in free.items() if protocols or truth or not metric.needs_truth}
    if given is None:
        return {name: metric for name, metric in every.items() if not metric.on_demand}
    meant = (every.items() if isinstance(one, str) and one == ALL else [_metric(one)] for one in given)
    chosen = _by_name("metric", chain.from_iterable(meant))
    for name, metric in chosen.items():
        if not available(metric) or not provided.issuperset(metric.curves):
            lacking = [curve.partition("_")[2] for curve in metric.curves if curve not in provided]
            needed = metric.family if metric.family in PROTOCOLS else "rise,srg"
            also = f" and --substrates {lacking[0]}" if protocols and lacking and lacking[0] in MORE else ""
            raise ConfigError(f"metric '{name}' needs --protocols {needed}{also}; given: {shown}")
    return chosen


def must_apply(given: Iterable[Given] | None) -> bool:
    """Whether metrics were named, so that each has to be defined somewhere."""
    return given is not None and not any(isinstance(one, str) and one == ALL for one in given)


def check_annotations(metrics: Mapping[str, Metric], dataset: Dataset) -> None:
    """Raise unless for every metric there is an image that has all it asks for.

    Raises:
        ConfigError: the metric, and what no image has.
    """
    for name, metric in metrics.items():
        records = [record for record in dataset.records if _has_role(record, metric.roles)]
        lacking = "" if records else "that shows several classes" if metric.roles == ("present",) else "of one class"
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


def _by_name(kind: str, entries: Iterable[tuple[str, Entry]]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name, entry in entries:
        if name in found:
            raise ConfigError(f"{kind} '{name}' is given twice; give each once, or another name to one of them")
        found[name] = entry
    return found


def _meant(given: Given) -> list[tuple[str, Method]]:
    """What a word stands for, or the one method that is given."""
    chosen = WORDS.get(given) if isinstance(given, str) else None
    return [_method(given)] if chosen is None else [(k, method) for k, method in METHODS.items() if chosen(method)]


def _method(given: Given) -> tuple[str, Method]:
    name, found, ours = _named("method", given, {**METHODS, **CONTROLS, **LADDER}, Method)
    if ours:
        return name, found
    method = found if isinstance(found, Method) else Method(found, name, OWN)
    what = f"method '{name}'"
    return name, dataclasses.replace(method, function=guarded_map(what, method.function), finish=as_map(what))


def _metric(given: Given) -> tuple[str, Metric]:
    name, found, ours = _named("metric", given, METRICS, Metric)
    if ours:
        return name, found
    metric = found if isinstance(found, Metric) else Metric(found, name, meaning=OWN)
    return name, dataclasses.replace(metric, function=guarded_values(f"metric '{name}'", metric.function))


def _named(kind: str, given: Given, registry: Mapping[str, Any], entry: type) -> tuple[str, Any, bool]:
    """Name, entry or function, and whether it is the registry's."""
    if isinstance(given, str):
        return given, resolve(kind, given, registry), given in registry
    name, found = given if isinstance(given, tuple) else (None, given)
    for known, ours in registry.items():
        if found is ours:
            return name or known, ours, True
    if isinstance(found, str):
        return name or found, resolve(kind, found, registry), found in registry
    if not callable(found) and not isinstance(found, entry):
        wanted = f"a name, a function or a {entry.__module__.partition('.')[0]}.{entry.__name__}"
        raise ConfigError(f"{kind} is {str(found)[:60]!r}, expected {wanted}")
    return name or _name_of(found), found, False


def _name_of(found: Any) -> str:
    """Of a function its own, of a partial its function's, of an entry its function's."""
    function = getattr(found, "function", found)
    return str(getattr(getattr(function, "func", function), "__name__", type(function).__name__))
