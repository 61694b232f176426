"""manifest.json of a run: what was computed, on what, by what."""

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.environment import code_hash, describe_device, git_state, versions
from bench.process.ranks import Ranks
from bench.run.plan import Plan
from datasets.text import printable
from weights import Checkpoint

SCHEMA_VERSION = 1
SHORT = 48  # characters of a value that a message repeats


def first_manifest(plan: Plan, ranks: Ranks) -> dict[str, Any]:
    """The manifest of a run that has just begun."""
    checkpoint, dataset = plan.classifier.checkpoint, plan.dataset
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "error": None,
        "config": {key: _text(value) for key, value in plan.config.as_json().items()},
        "batch_size": plan.job.batch_size,
        "dataset": {
            "name": dataset.name,
            "root": printable(dataset.root),
            "split": _text(dataset.split),
            "n": len(dataset.records),
            "labels": dict(sorted(Counter(record.label for record in dataset.records).items())),
            "fingerprint": dataset.fingerprint(),
            "notes": list(dataset.notes),
        },
        "checkpoint": {
            "name": checkpoint.name,
            "arch": checkpoint.arch,
            "sha256": checkpoint.sha256,
            "classes": list(checkpoint.classes),
            "groups": _groups(checkpoint),
            "output": checkpoint.output,
            "preprocess": checkpoint.preprocess.record(),
            "parameters": checkpoint.parameters,
            "notes": list(checkpoint.notes),
            "warnings": list(checkpoint.warnings),
        },
        "image_size": list(plan.job.size),
        "layers": plan.job.layers,
        "methods": {
            name: {"title": method.title, "meaning": method.meaning, "source": method.source}
            for name, method in plan.job.methods.items()
        },
        "controls": plan.control_records(),
        "metrics": {name: metric.describe() for name, metric in plan.job.metrics.items()},
        "protocols": plan.protocol_records(),
        "seeds": {"run": plan.config.seed, "tie_rule": plan.config.seed},
        "versions": versions(),
        "device": describe_device(plan.job.device),
        "ranks": ranks.count,
        "git": git_state(),
        "code": code_hash(_own_code(plan)),
        "started": now(),
        "finished": None,
    }


def identity(manifest: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for shards of two runs to belong together."""
    where = ("config", "data_root", "weights", "download", "workers", "out", "resume")  # not what is computed
    return {
        **{key.replace("_", "-"): value for key, value in manifest["config"].items() if key not in where},
        "schema version": manifest["schema_version"],
        "data": manifest["dataset"]["fingerprint"],
        "weights": manifest["checkpoint"]["sha256"],
        "groups": manifest["checkpoint"].get("groups"),
        "preprocessing": manifest["checkpoint"]["preprocess"],
        "device": manifest["device"]["type"],
        "effective batch size": manifest["batch_size"],
    }


def _groups(checkpoint: Checkpoint) -> dict[str, list[int]] | None:
    """The outputs that make each class; None where the outputs are the classes."""
    groups = zip(checkpoint.classes, map(list, checkpoint.groups), strict=False)
    return dict(groups) or None


def _text(value: Any) -> Any:
    """An option as JSON takes it: names with bytes that are no UTF-8 as `printable` writes them."""
    return printable(value) if isinstance(value, str) else value


def origin(manifest: dict[str, Any]) -> dict[str, Any]:
    """What decides numbers beside `identity`: half a run made with one and half with another is neither's."""
    device = manifest["device"]
    return {
        "code": manifest.get("code"),
        **{f"version of {package}": version for package, version in manifest["versions"].items()},
        "threads": device["threads"],
        "machine": device["name"],
    }


def differing(
    manifest: dict[str, Any], old: dict[str, Any], part: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[str]:
    """Names of what differs from an older manifest, with both values where they are short."""
    new, before = part(manifest), part(old)
    return [f"{key}{_both(before.get(key), new[key])}" for key in new if new[key] != before.get(key)]


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _own_code(plan: Plan) -> list[str]:
    """Modules of the user's that the run is made with."""
    config = plan.config
    names = [config.dataset, plan.classifier.checkpoint.arch, *plan.job.methods, *plan.job.metrics]
    return sorted({name.partition(":")[0] for name in names if ":" in name})


def _both(before: object, now: object) -> str:
    short = all(isinstance(value, int | float | str) and len(str(value)) <= SHORT for value in (before, now))
    return f" ({before}, now {now})" if short else ""
