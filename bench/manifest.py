"""manifest.json of a run: what was computed, on what, by what."""

import dataclasses
import datetime
import json
from collections import Counter
from typing import Any

from bench.environment import describe_device, git_state, versions
from bench.plan import Plan
from bench.ranks import Ranks

SCHEMA_VERSION = 1


def first_manifest(plan: Plan, ranks: Ranks) -> dict[str, Any]:
    """The manifest of a run that has just begun."""
    checkpoint, dataset = plan.classifier.checkpoint, plan.dataset
    preprocess = dataclasses.asdict(checkpoint.preprocess)
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "error": None,
        "config": plan.config.as_json(),
        "batch_size": plan.job.batch_size,
        "dataset": {
            "name": dataset.name,
            "root": str(dataset.root),
            "split": dataset.split,
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
            "preprocess": json.loads(json.dumps(preprocess)),  # tuples become lists, as they will be when read back
            "parameters": checkpoint.parameters,
            "notes": list(checkpoint.notes),
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
        "preprocessing": manifest["checkpoint"]["preprocess"],
        "device": manifest["device"]["type"],
        "effective batch size": manifest["batch_size"],
    }


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
