"""Per method, layer, role and metric: counts, mean, median and interval over images."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from metrics.statistics.intervals import UNDEFINED, Interval, dataset_pxap, max_box_acc_v2, mean_intervals
from reports.runs.run import GAP, ROLES, Run

DATASET_LEVEL = {"pxap_dataset": "PxAP", "max_box_acc_v2": "MaxBoxAccV2"}
SUMMARY = ["method", "layer", "role", "metric", "n", "n_undefined", "mean", "median", "ci_low", "ci_high"]


def summary(run: Run) -> pd.DataFrame:
    """Per method, layer, role and metric: counts, mean, median and the 95 % interval of the mean.

    n counts images: of one that shows several classes the mean over their maps, undefined if one of them is.
    `pxap_dataset` and `max_box_acc_v2` pool all images and have no median.
    """
    rows = _dataset_level(run)  # first: its histograms are freed before the rest needs memory
    pa.default_memory_pool().release_unused()
    keys, columns = zip(*_columns(run), strict=True) if len(run.all_scores) else ((), ())
    limits = _limits(columns)
    ranges = {name: metric["range"] for name, metric in run.manifest["metrics"].items()}
    for key, values, interval in zip(keys, columns, limits, strict=True):
        low, high = np.clip(interval, *ranges[key[-1]])  # no mean lies beyond what a value can be
        defined = values[~np.isnan(values)]
        mean, median = (defined.mean(), np.median(defined)) if len(defined) else (np.nan, np.nan)
        rows.append((*key, len(defined), len(values) - len(defined), mean, median, low, high))
    return in_order(run, pd.DataFrame(rows, columns=SUMMARY))


def _columns(run: Run) -> Iterator[tuple[tuple[str, str, str, str], np.ndarray]]:
    """Values by image of every method, layer, role and metric."""
    for key in run.values:
        table = run.values.table(*key)
        for place, method in enumerate(table.methods):
            yield (method, *key), table.values[table.given[:, place], place]


def _limits(columns: Sequence[np.ndarray]) -> list[Interval]:
    """Interval of the mean of every column, those of as many images at once."""
    found: list[Interval] = [UNDEFINED] * len(columns)
    by_length: dict[int, list[int]] = {}
    for place, values in enumerate(columns):
        by_length.setdefault(len(values), []).append(place)
    for places in by_length.values():
        low, high = mean_intervals(np.stack([columns[place] for place in places], axis=1))
        for place, limits in zip(places, zip(low, high, strict=True), strict=True):
            found[place] = float(limits[0]), float(limits[1])
    return found


def in_order(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of the run's methods and layers, roles, and the registry's metrics."""
    orders = {
        "method": [*run.methods, *run.controls],
        "control": run.controls,
        "method_a": run.methods,
        "method_b": run.methods,
        "layer": run.layers,
        "role": [*ROLES, GAP],
        "metric": [*run.manifest["metrics"], *DATASET_LEVEL, "scatter_gap", "dispersion_gap"],
    }
    columns = [column for column in table.columns if column in orders]
    return table.sort_values(columns, key=lambda c: c.map(orders[str(c.name)].index), kind="stable", ignore_index=True)


def _dataset_level(run: Run) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    localisation = run.localisation
    if localisation.empty:
        return rows
    for (method, layer, role), group in localisation.groupby(["method", "layer", "role"], observed=True):
        shown = (group["foreground"].map(np.sum) > 0).groupby(group["image_id"].astype(str)).transform("all")
        known = group[shown]
        if known.empty:
            continue
        names = known["image_id"].astype(str).to_numpy()  # two maps of one image are one image
        histograms = np.stack(known["foreground"]), np.stack(known["background"])
        pxap, pxap_interval = dataset_pxap(*histograms, run.seed, names)
        box, box_interval = max_box_acc_v2(np.stack(known["box_iou"]), run.seed, names)
        images = len(np.unique(names))
        counts = (images, group["image_id"].nunique() - images)
        rows.append((method, layer, role, "pxap_dataset", *counts, pxap, np.nan, *pxap_interval))
        rows.append((method, layer, role, "max_box_acc_v2", *counts, box, np.nan, *box_interval))
    return rows
