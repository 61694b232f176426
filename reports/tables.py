"""Per method, layer, role and metric: counts, mean, median and interval over images."""

import numpy as np
import pandas as pd

from metrics.statistics import dataset_pxap, max_box_acc_v2, mean_interval
from reports.run import GAP, ROLES, Run

DATASET_LEVEL = {"pxap_dataset": "PxAP", "max_box_acc_v2": "MaxBoxAccV2"}
SUMMARY = ["method", "layer", "role", "metric", "n", "n_undefined", "mean", "median", "ci_low", "ci_high"]


def summary(run: Run) -> pd.DataFrame:
    """Per method, layer, role and metric: counts, mean, median and the 95 % interval of the mean.

    `pxap_dataset` and `max_box_acc_v2` pool all images and have no median.
    """
    rows: list[tuple[object, ...]] = []
    for (method, layer, role, metric), values in run.all_scores.groupby(["method", "layer", "role", "metric"])["value"]:
        defined = values.dropna().to_numpy()
        mean, median = (defined.mean(), np.median(defined)) if len(defined) else (np.nan, np.nan)
        low, high = mean_interval(defined, run.seed)
        rows.append((method, layer, role, metric, len(defined), len(values) - len(defined), mean, median, low, high))
    rows += _dataset_level(run)
    return in_order(run, pd.DataFrame(rows, columns=SUMMARY))


def by_image(scores: pd.DataFrame) -> pd.DataFrame:
    """Values of one layer, role and metric: a row per image, a column per method.

    On an image of both animals the mean over both maps, undefined where it is undefined for one of them.
    """
    values = scores.groupby(["image_id", "method"])["value"]
    return values.mean().where(values.count().eq(values.size())).unstack("method")


def in_order(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of the run's methods and layers, roles, and the registry's metrics."""
    orders = {
        "method": [*run.methods, *run.controls],
        "control": run.controls,
        "method_a": run.methods,
        "method_b": run.methods,
        "layer": run.layers,
        "role": [*ROLES, GAP],
        "metric": [*run.manifest["metrics"], *DATASET_LEVEL, "dispersion_gap"],
    }
    columns = [column for column in table.columns if column in orders]
    return table.sort_values(columns, key=lambda c: c.map(orders[str(c.name)].index), kind="stable", ignore_index=True)


def _dataset_level(run: Run) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    if run.localisation.empty:
        return rows
    for (method, layer, role), group in run.localisation.groupby(["method", "layer", "role"]):
        known = group[group["foreground"].map(np.sum) > 0]
        if known.empty:
            continue
        pxap, pxap_interval = dataset_pxap(np.stack(known["foreground"]), np.stack(known["background"]), run.seed)
        box, box_interval = max_box_acc_v2(np.stack(known["box_iou"]), run.seed)
        counts = (len(known), len(group) - len(known))
        rows.append((method, layer, role, "pxap_dataset", *counts, pxap, np.nan, *pxap_interval))
        rows.append((method, layer, role, "max_box_acc_v2", *counts, box, np.nan, *box_interval))
    return rows
