"""Two runs of the same job: what changed in quality, speed and surroundings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metrics.statistics.changes import MAD_TO_SIGMA
from metrics.statistics.intervals import balanced_mean, change_interval
from reports.runs.job import differences
from reports.runs.latency import LATENCY_FILE, benchmark_name, latency_table
from reports.runs.run import ReportError, Run
from reports.tables.comparison import values_by_image

QUALITY = [
    "method", "layer", "role", "metric", "direction", "n", "n_undefined_a", "n_undefined_b", "n_lost",
    "mean_a", "mean_b", "mean_difference", "ci_low", "ci_high",
]  # fmt: skip
SPEED = ["benchmark", "ratio_a", "ratio_b", "error_a", "error_b", "relative_change"]
CHANGED = ["what", "field", "a", "b"]
ACCURACY = ("network", "logits", "right", "accuracy")  # of the network itself: no map and no layer of a map
MODEL, CODE, MACHINE = "model", "code", "machine"
ERROR_OF_MEDIAN = 1.2533 * MAD_TO_SIGMA  # of normal rounds, from their MAD


class IncomparableError(ReportError):
    """Two runs of different jobs.

    Attributes:
        reasons: what differs, in words.
    """

    def __init__(self, first: Run, second: Run, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        said = "; ".join(reasons)
        super().__init__(f"'{first.folder}' and '{second.folder}' cannot be compared, they differ in {said}")


def check_comparable(first: Run, second: Run, *, whole: bool = False) -> None:
    """Numbers of two runs can be paired if both scored the same images under the same protocols.

    Args:
        first: the earlier run.
        second: the later one.
        whole: refuse the second one too if it was not asked for a method, layer or metric of the first.

    Raises:
        IncomparableError: with what differs in words.
    """
    reasons = differences(first, second)
    if whole:
        for what in ("methods", "layers", "metrics"):
            gone = [name for name in first.manifest[what] if name not in second.manifest[what]]
            reasons += [f"{what}: {', '.join(gone)} before, not now"] if gone else []
    if reasons:
        raise IncomparableError(first, second, reasons)


def quality_changes(first: Run, second: Run) -> pd.DataFrame:
    """Per method, layer, role and metric of either run: b - a, paired by image, with its 95 % interval over images.

    `n` images have a value in both; `n_undefined_a` and `n_undefined_b` have none in that run, `n_lost` only in the
    second. Means are those of the n images; on images of several classes the mean over their maps counts. A row that
    one run lacks has n = 0. The first row is the accuracy of the network on images of one class.
    """
    ours, theirs = _values(first), _values(second)
    metrics = {"accuracy": {"direction": "higher"}, **first.manifest["metrics"], **second.manifest["metrics"]}
    rows = []
    for key in {**ours, **theirs}:
        nothing = pd.Series(dtype=float)
        (before, groups), (after, _) = ours.get(key, (nothing, None)), theirs.get(key, (nothing, None))
        before, after = before.align(after)
        both = before.notna() & after.notna()
        change = (after - before)[both]
        labels = pd.Series(0, before.index) if groups is None else groups.reindex(before.index)
        parts = [own.to_numpy() for _, own in change.groupby(labels[both])] or [np.empty(0)]
        missing = before.isna(), after.isna()
        undefined = (int(missing[0].sum()), int(missing[1].sum()), int((missing[1] & ~missing[0]).sum()))
        means = (before[both].mean(), after[both].mean())
        moved = (balanced_mean(parts), *change_interval(parts))
        rows.append((*key, metrics.get(key[3], {}).get("direction", "none"), len(change), *undefined, *means, *moved))
    return pd.DataFrame(rows, columns=QUALITY)


def speed_changes(first: Run, second: Run) -> pd.DataFrame:
    """Per benchmark of both runs its time over that of a bare forward pass, before and after; empty without timings.

    `error_a` and `error_b` are standard errors of the ratios, medians of their rounds: 1.2533 x 1.4826 MAD / sqrt(n).
    """
    if not all((run.folder / LATENCY_FILE).exists() for run in (first, second)):
        return pd.DataFrame(columns=SPEED)
    ours, theirs = (_timed(latency_table(run)) for run in (first, second))
    both = ours.add_suffix("_a").join(theirs.add_suffix("_b"), how="inner").rename_axis("benchmark").reset_index()
    return both.assign(relative_change=both["ratio_b"] / both["ratio_a"] - 1)[SPEED]


def _timed(latency: pd.DataFrame) -> pd.DataFrame:
    names = [benchmark_name(row) for row in latency.to_dict("records")]
    error = ERROR_OF_MEDIAN * latency["ratio_mad"] / np.sqrt(latency["rounds"].astype(float))
    return pd.DataFrame({"ratio": latency["ratio"], "error": error}).set_axis(names)


def surroundings(first: Run, second: Run) -> pd.DataFrame:
    """What else is not as it was: rows of `what` (model, code, machine), field and both values."""
    rows = []
    for what, fields in _surroundings(first.manifest).items():
        after = _surroundings(second.manifest)[what]
        names = [name for name in {**fields, **after} if fields.get(name) != after.get(name)]
        rows += [(what, name, str(fields.get(name)), str(after.get(name))) for name in names]
    return pd.DataFrame(rows, columns=CHANGED)


def untold(first: Run, second: Run) -> list[str]:
    """What the manifest of either run does not tell, so that nobody can say that it did not change."""
    told = [
        manifest | {"weights": manifest["checkpoint"].get("sha256")} for manifest in (first.manifest, second.manifest)
    ]
    return [name for name in ("weights", "code", "versions", "device") if not all(fields.get(name) for fields in told)]


def _values(run: Run) -> dict[tuple[str, str, str, str], tuple[pd.Series, pd.Series | None]]:
    """Values by image, and their groups, by method, layer, role and metric."""
    known: dict[tuple[str, str, str, str], tuple[pd.Series, pd.Series | None]] = {}
    single = run.all_scores[run.single(run.all_scores["label"])].drop_duplicates("image_id").set_index("image_id")
    if len(single):
        called = single["label"].astype(str).eq(single["predicted"].astype(str))
        known[ACCURACY] = (called.astype(float), None)
    for layer, role, metric, wide, groups in values_by_image(run):
        known |= {(method, layer, role, metric): (wide[method], groups) for method in run.methods if method in wide}
    return known


def _surroundings(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    checkpoint, git = manifest["checkpoint"], manifest.get("git", {})
    versions = dict(manifest.get("versions", {}))
    return {
        MODEL: {"weights sha256": checkpoint.get("sha256"), "architecture": checkpoint["arch"]},
        CODE: {
            "revision": git.get("revision"),
            "changed files": git.get("dirty"),
            "cambench": versions.pop("cambench", None),
            "source": manifest.get("code"),
        },
        MACHINE: {**manifest.get("device", {}), **versions},
    }
