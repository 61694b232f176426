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
    networks, which show how much the network matters. `n` images with a value of at least one network; `n_undefined`
    counts values (image and network) that are undefined.

    Raises:
        ReportError: runs of other images, methods, layers, metrics or protocols.
    """
    _check(runs)
    key = ["image_id", "target", "method", "layer", "role", "metric"]
    values = pd.concat([run.scores[[*key, "value"]].assign(network=number) for number, run in enumerate(runs)])
    rows = []
    for group, scores in values.groupby(["method", "layer", "role", "metric"], observed=True):
        images = scores.groupby(["image_id", "target"], observed=True)["value"].mean().dropna().sort_index().to_numpy()
        single = scores.groupby("network")["value"].mean()
        undefined = int(scores["value"].isna().sum())
        mean = images.mean() if len(images) else np.nan
        interval = mean_interval(images, runs[0].seed)
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
