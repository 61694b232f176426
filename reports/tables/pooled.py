"""The same images scored with one network or several: what holds whichever of them is taken."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metrics.statistics.intervals import mean_interval
from reports.runs.run import ReportError, Run
from reports.tables.summary import in_order

POOLED = [
    "method", "layer", "role", "metric", "networks", "n", "n_undefined", "mean", "ci_low", "ci_high", "lowest",
    "highest",
]  # fmt: skip


def pooled(runs: Sequence[Run]) -> pd.DataFrame:
    """Per method, layer, role and metric the mean over images of the mean over networks.

    The 95 % interval is over images, with the networks as they are; `lowest` and `highest` are the means of single
    networks, which show how much the network matters. Of the maps of one image the mean counts. `n` images with a value
    of at least one network; `n_undefined` counts values (image and network) that are undefined.

    Raises:
        ReportError: runs of other images, methods, layers, metrics or protocols.
    """
    _check(runs)
    tables: dict[tuple[str, str, str, str], list[pd.Series]] = {}
    for run in runs:
        for layer, role, metric in run.values:
            for method, values in run.values.table(layer, role, metric).frame(run.methods).items():
                tables.setdefault((str(method), layer, role, metric), []).append(values)
    rows = []
    for group, networks in tables.items():
        wide = pd.concat(networks, axis="columns")
        images = wide.mean(axis="columns").dropna().sort_index().to_numpy()
        mean = images.mean() if len(images) else np.nan
        single, undefined = wide.mean(), int(wide.isna().sum().sum())
        interval = mean_interval(images)
        rows.append((*group, len(runs), len(images), undefined, mean, *interval, single.min(), single.max()))
    return in_order(runs[0], pd.DataFrame(rows, columns=POOLED))


def _check(runs: Sequence[Run]) -> None:
    first, *others = runs
    for run in runs:
        if "fingerprint" not in run.manifest["dataset"]:
            path = run.folder / "manifest.json"
            raise ReportError(f"'{path}' has no field 'dataset.fingerprint', which tells whether images are the same")
    for run in others:
        for what, old, new in (
            ("images", first.manifest["dataset"]["fingerprint"], run.manifest["dataset"]["fingerprint"]),
            ("methods", first.methods, run.methods),
            ("layers", first.layers, run.layers),
            ("metrics", list(first.manifest["metrics"]), list(run.manifest["metrics"])),
            ("protocols", first.manifest["protocols"], run.manifest["protocols"]),
        ):
            if old != new:
                raise ReportError(
                    f"'{first.folder}' and '{run.folder}' have other {what}; pool runs that differ in --weights"
                )
