"""What `cambench list` prints."""

import inspect
from collections.abc import Iterable

from cam import METHODS
from datasets import DATASETS
from metrics import METRICS, PROTOCOLS, Metric
from reports.files import aligned
from weights import ARCHITECTURES, SHIPPED, has_timm, torchvision_names


def listing(kind: str, *, verbose: bool = False) -> str:
    """A table of methods, metrics, protocols, datasets, architectures or weights, one line each.

    Args:
        kind: of what.
        verbose: with the formula of methods, and with what methods and metrics need.
    """
    return aligned(_VERBOSE[kind]() if verbose and kind in _VERBOSE else _ROWS[kind]())


def _methods() -> Iterable[tuple[str, ...]]:
    return [("name", "title", "meaning", "source")] + [
        (name, method.title, method.meaning, method.source) for name, method in METHODS.items()
    ]


def _verbose_methods() -> Iterable[tuple[str, ...]]:
    return [("name", "title", "source", "passes", "formula", "needs")] + [
        (name, m.title, m.source, "shared" if m.fast else "own", m.formula, ", ".join(m.inputs))
        for name, m in METHODS.items()
    ]


def _metrics() -> Iterable[tuple[str, ...]]:
    return [("name", "family", "better", "validated", "range", "unit", "meaning")] + [
        (name, metric.family, metric.direction, metric.validated or "-", _range(metric), metric.unit, metric.meaning)
        for name, metric in METRICS.items()
    ]


def _verbose_metrics() -> Iterable[tuple[str, ...]]:
    return [("name", "title", "source", "scored", "maps of", "needs", "meaning")] + [
        (
            name,
            metric.title,
            metric.source,
            "when named" if metric.on_demand else "always",
            ", ".join(metric.roles),
            ", ".join(metric.inputs),
            metric.meaning,
        )
        for name, metric in METRICS.items()
    ]


def _protocols() -> Iterable[tuple[str, ...]]:
    return [("name", "meaning", "source")] + [
        (name, protocol.meaning, protocol.source) for name, protocol in PROTOCOLS.items()
    ]


def _datasets() -> Iterable[tuple[str, ...]]:
    return [("name", "meaning")] + [
        (name, (inspect.getdoc(adapter) or "").partition("\n")[0]) for name, adapter in DATASETS.items()
    ]


def _architectures() -> Iterable[tuple[str, ...]]:
    found = "found by a trial pass"
    timm = "all of timm's" if has_timm() else "timm's once it is installed: pip install timm"
    return [
        ("name", "default layer", "meaning"),
        *((name, entry.default_layer or found, entry.meaning) for name, entry in ARCHITECTURES.items()),
        *((name, found, "of torchvision") for name in torchvision_names() if name not in ARCHITECTURES),
        ("timm/NAME", found, timm),
        ("package.module:function", found, "your own: num_classes, or nothing, to a torch.nn.Module"),
    ]


def _weights() -> Iterable[tuple[str, ...]]:
    return [("name", "meaning", "licence", "sha256")] + [
        (name, entry.meaning, entry.license, entry.sha256[:12]) for name, entry in SHIPPED.items()
    ]


_ROWS = {
    "methods": _methods,
    "metrics": _metrics,
    "protocols": _protocols,
    "datasets": _datasets,
    "architectures": _architectures,
    "weights": _weights,
}


_VERBOSE = {"methods": _verbose_methods, "metrics": _verbose_metrics}


def _range(metric: Metric) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in metric.range)
    return f"{low}..{high}"
