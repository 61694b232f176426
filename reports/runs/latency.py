"""latency.json of a run (pytest-benchmark): how fast each stage is."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.errors import regular
from reports.plain import visible
from reports.runs.run import ReportError, Run

LATENCY_FILE = "latency.json"
LABELS = ("method", "metric", "classes", "batch")  # of a benchmark, beside its stage
LATENCY = [
    "stage", "method", "metric", "classes", "batch", "rounds", "ms_median", "ms_q1", "ms_q3", "ms_p95",
    "images_per_second", "ratio", "ratio_mad", "peak_memory_mb",
]  # fmt: skip


def latency_table(run: Run) -> pd.DataFrame:
    """One row per benchmark of latency.json, from the raw rounds: ms of a batch, images/s of the median, and the ratio.

    `ratio` is the median over rounds of time / time of a bare forward pass of as many images right before it, with its
    median absolute deviation.

    Raises:
        ReportError: a file that pytest-benchmark did not write for cambench.
    """
    path = run.folder / LATENCY_FILE
    try:
        content = json.loads(regular(path).read_text(encoding="utf-8"))
        rows = [_row(entry["extra_info"], entry["stats"]["data"]) for entry in content["benchmarks"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ReportError(
            f"'{path}' cannot be read ({visible(repr(error))}); write it again with make time, or remove it"
        ) from error
    return pd.DataFrame(rows, columns=LATENCY)


def _row(labels: dict[str, object], data: list[float]) -> tuple[object, ...]:
    times, references = (_seconds(values) for values in (data, labels["reference_seconds"]))
    if times.shape != references.shape or not len(times):
        raise ValueError(f"{len(times)} rounds and {len(references)} of the reference")
    images, memory = (labels[name] for name in ("images", "peak_memory_mb"))
    names = {name: labels.get(name, "") for name in ("stage", "method", "metric", "classes", "batch")}
    for name, value in {**names, "images": images, "peak_memory_mb": memory}.items():
        wanted = str if name in ("stage", "method", "metric") else float if name == "peak_memory_mb" else int
        if not (value == "" and name != "stage") and not _is(value, wanted):
            raise ValueError(f"'{name}' is {value!r}")
    ratios = times / references
    q1, middle, q3, p95 = np.quantile(times, (0.25, 0.5, 0.75, 0.95)) * 1000
    ratio = float(np.median(ratios))
    images_per_second = float(images) / middle * 1000  # type: ignore[arg-type]
    spread = float(np.median(np.abs(ratios - ratio)))
    return (*names.values(), len(times), middle, q1, q3, p95, images_per_second, ratio, spread, memory)


def _seconds(values: object) -> np.ndarray:
    """Times as a list of positive numbers."""
    if not isinstance(values, list) or not all(_is(value, float) for value in values):
        raise ValueError("rounds that are no list of positive numbers")
    return np.array(values, dtype=float)


def _is(value: object, kind: type) -> bool:
    """Whether a value of a JSON file is text, or a positive number, whole where `kind` is int."""
    if kind is str:
        return isinstance(value, str)
    wanted = int if kind is int else int | float
    return isinstance(value, wanted) and not isinstance(value, bool) and 0 < value < 1e300


def shown_latency(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text that is narrow enough to be read as it is: what was timed, quartiles, four digits."""
    rows = [
        (
            row["stage"],
            row["method"] or row["metric"],
            row["classes"],
            row["batch"],
            f"{row['ms_median']:.4g} ({row['ms_q1']:.4g} to {row['ms_q3']:.4g})",
            f"{row['images_per_second']:.4g}",
            f"{row['ratio']:.3g} ({row['ratio_mad']:.2g})",
        )
        for row in table.to_dict("records")
    ]
    named = ["stage", "of", "classes", "batch", "ms (quartiles)", "images/s", "time over a forward pass (MAD)"]
    return pd.DataFrame(rows, columns=named)


def benchmark_name(row: Mapping[str, Any]) -> str:
    """Name of a row of the latency table: its stage and labels."""
    return " ".join([str(row["stage"]), *(f"{key}={row[key]}" for key in LABELS if row[key] != "")])
