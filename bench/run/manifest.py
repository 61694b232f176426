"""manifest.json of a run: what was computed, on what, by what."""

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.config import RunConfig
from bench.engine import Job, Stopwatch
from bench.environment import code_hash, describe_device, git_state, peak_memory_mb, versions
from cam import NEGATED
from datasets import Dataset, Skipped
from datasets.text import printable
from metrics import PROTOCOLS
from metrics.gains import name_under
from metrics.imputation import IMPUTED, NOISE, TOLERANCE
from metrics.substrates import KERNEL_SIGMA, KERNEL_SIZE, SUBSTRATES
from reports.runs.schema import SCHEMA_VERSION
from weights import Checkpoint

GAIN = "srg_probability"  # whose verdict is asked for under every substrate
SHORT = 48  # characters of a value that a message repeats


def first_manifest(
    job: Job,
    checkpoint: Checkpoint,
    config: RunConfig,
    dataset: dict[str, Any],
    maps: dict[str, str] | None = None,
    *,
    ranks: int = 1,
) -> dict[str, Any]:
    """The manifest of a run that has just begun.

    Args:
        job: what is computed.
        checkpoint: of the network.
        config: the options.
        dataset: what is scored, see `dataset_record`.
        maps: file and SHA-256 of maps that were made elsewhere; None where there are none.
        ranks: processes that share the run.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "error": None,
        "config": {key: _text(value) for key, value in config.as_json().items()},
        "batch_size": job.batch_size,
        "dataset": dataset,
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
        "image_size": list(job.size),
        "layers": job.layers,
        "methods": {
            name: {"title": method.title, "meaning": method.meaning, "source": method.source}
            | ({} if method.size is None else {"size": list(method.size)})
            for name, method in job.methods.items()
        },
        "maps": maps,
        "controls": _control_records(job),
        "smoothed": {name: {"method": method, "sigma": sigma} for name, (method, sigma) in job.smoothed.items()},
        "metrics": {name: metric.describe() for name, metric in job.metrics.items()},
        "substrates": _substrate_records(job),
        "protocols": {name: _protocol_record(name, config) for name in config.protocols if name != "none"},
        "seeds": {"run": job.seed, "tie_rule": job.seed},
        "versions": versions(),
        "device": describe_device(job.device),
        "ranks": ranks,
        "git": git_state(),
        "code": code_hash(_own_code([config.dataset, checkpoint.arch, *job.methods, *job.metrics])),
        "started": now(),
        "finished": None,
    }


def dataset_record(dataset: Dataset) -> dict[str, Any]:
    """What the manifest says of a data set."""
    return {
        "name": dataset.name,
        "root": printable(dataset.root),
        "split": _text(dataset.split),
        "n": len(dataset.records),
        "labels": dict(sorted(Counter(record.label for record in dataset.records).items())),
        "fingerprint": dataset.fingerprint(),
        "notes": list(dataset.notes),
    }


def last_manifest(
    manifest: dict[str, Any],
    *,
    scored: int,
    skipped: list[Skipped],
    undefined: dict[str, dict[str, int]],
    files: dict[str, dict[str, Any]],
    watch: Stopwatch,
) -> dict[str, Any]:
    """The manifest of a run whose final files are there.

    Args:
        manifest: of its beginning.
        scored: how many images were.
        skipped: inputs that were not.
        undefined: per method and layer how many maps are not finite.
        files: size and hash of what a report is made of.
        watch: where the time went.
    """
    timings = {name: round(seconds, 3) for name, seconds in watch.seconds.items()}
    if timings.get("perturbation"):
        timings["masked_images_per_second"] = round(watch.masked_images / timings["perturbation"], 2)
    return {
        **manifest,
        "status": "complete",
        "error": None,
        "counts": {"images": scored + len(skipped), "scored": scored, "skipped": len(skipped)},
        "left_out": dict(Counter(entry.kind for entry in skipped).most_common()),
        "undefined_maps": undefined,
        "files": files,
        "timings": timings,
        "peak_memory_mb": peak_memory_mb(),
        "finished": now(),
    }


def identity(manifest: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for shards of two runs to belong together."""
    where = ("config", "data_root", "weights", "download", "maps", "out")
    how = ("workers", "resume", "no_report")  # neither is what is computed
    return {
        **{key.replace("_", "-"): value for key, value in manifest["config"].items() if key not in where + how},
        "schema version": manifest["schema_version"],
        "data": manifest["dataset"]["fingerprint"],
        "weights": manifest["checkpoint"]["sha256"],
        "groups": manifest["checkpoint"].get("groups"),
        "maps made elsewhere": (manifest.get("maps") or {}).get("sha256"),
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


def _control_records(job: Job) -> dict[str, dict[str, str]]:
    """Title and meaning of every control that is scored, the negated maps of the methods among them."""
    records = {name: {"title": c.title, "meaning": c.meaning} for name, c in job.controls.items()}
    for name, method in job.methods.items():
        if job.negated and method.kind == "method":
            title = f"{method.title}, negated"
            records[f"{NEGATED}{name}"] = {"title": title, "meaning": "the map's maximum minus the map"}
    return records


def _substrate_records(job: Job) -> dict[str, dict[str, str]]:
    """Title, meaning and metric of every substrate under which SRG is scored."""
    return {
        name: {"title": entry.title, "meaning": entry.meaning, "metric": name_under(GAIN, name)}
        for name, entry in SUBSTRATES.items()
        if name_under(GAIN, name) in job.metrics
    }


def _protocol_record(name: str, config: RunConfig) -> dict[str, Any]:
    """What the curves of a preset were computed with; numbers with different records are not comparable."""
    pairs = [curve.partition("_") for curve in PROTOCOLS[name].curves]
    substrates = {substrate for _, _, substrate in pairs}
    blurred = "blur" in substrates
    kernel = f"gaussian_filter of an {KERNEL_SIZE}x{KERNEL_SIZE} impulse, sigma {KERNEL_SIGMA}" if blurred else None
    if IMPUTED in substrates:
        kernel = f"neighbours 1/6, diagonal 1/12, solved to {TOLERANCE}, noise {NOISE} by PCG64 of the image's id"
    return {
        "preset": name,
        "directions": [direction for direction, _, _ in pairs],
        "substrates": [substrate for _, _, substrate in pairs],
        "kernel": kernel,
        "padding": "zeros in normalised space" if blurred else None,
        "steps": config.steps,
        "tie_rule": "permutation by PCG64 of SHA-256(seed:image_id)",
        "target": list(config.targets),
        "space": "pixels, upsampled map bilinear align_corners=False, substrates in normalised space",
        "score": "softmax probability of the target; margin beside it",
        "source": PROTOCOLS[name].source,
    }


def _own_code(names: list[str]) -> list[str]:
    """Modules of the user's that the run is made with."""
    return sorted({name.partition(":")[0] for name in names if ":" in name})


def _both(before: object, now: object) -> str:
    short = all(isinstance(value, int | float | str) and len(str(value)) <= SHORT for value in (before, now))
    return f" ({before}, now {now})" if short else ""
