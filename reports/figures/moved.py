"""Two runs of the same images: whose maps moved most, and how they look side by side."""

import math

import numpy as np
import pandas as pd

from metrics.statistics.comparison import HEADLINE_FAMILY
from reports.figures.overlays import gridded
from reports.runs.checks import shown_classes
from reports.runs.run import Run

MOVED = ["image_id", "target", "method", "moved", "before", "after"]


def moved_maps(first: Run, second: Run) -> pd.DataFrame:
    """Per image, class that it shows and method of both runs how far the map at the first layer moved.

    `moved` = 1 - sum min(p, q) of the two maps, each divided by its sum: the share of the map's weight that lies
    elsewhere, from 0 (the same map) to 1 (no cell in common); 1 too where one of them is empty; NaN where one is
    undefined. `before` and `after` are the values of `shown_metric`. The images come first
    whose maps moved most.

    Args:
        first: the earlier run.
        second: the later one, of the same images and classes; a map of another size is brought to that of the first.
    """
    both, metric = [(run, run.layers[0]) for run in (first, second)], shown_metric(first, second)
    methods = [name for name in first.methods if name in second.methods]
    shape = first.manifest["layers"][first.layers[0]]
    values = [_values(run, layer, metric) for run, layer in both]
    rows = []
    for image_id, label in first.images["label"].items():
        name = str(image_id)
        for target in shown_classes(str(label), first.classes):
            number = first.classes.index(target)
            for method in methods:
                own = [gridded(run.maps[method, layer][name][[number]], shape)[0] for run, layer in both]
                scores = [found.get((name, target, method), math.nan) for found in values]
                rows.append((name, target, method, _apart(*own), *scores))
    table = pd.DataFrame(rows, columns=MOVED)
    most = table.groupby("image_id")["moved"].transform("max").fillna(-1.0)
    return table.assign(most=most).sort_values(["most", "image_id"], ascending=[False, True], kind="stable")[MOVED]


def shown_metric(first: Run, second: Run) -> str:
    """The first headline metric of single maps that both runs have; empty where there is none."""
    both = [name for name, role in HEADLINE_FAMILY if role == "right"]
    return next((n for n in both if n in first.manifest["metrics"] and n in second.manifest["metrics"]), "")


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan
    if not (a.sum() > 0 and b.sum() > 0):
        return float((a.sum() > 0) != (b.sum() > 0))
    return float(1 - np.minimum(a / a.sum(), b / b.sum()).sum())


def _values(run: Run, layer: str, metric: str) -> dict[tuple[str, str, str], float]:
    """Values of one metric by image, class and method."""
    scores = run.scores
    own = scores[scores["layer"].eq(layer) & scores["metric"].eq(metric)]
    keys = own[["image_id", "target", "method"]].astype(str).itertuples(index=False, name=None)
    return dict(zip(keys, own["value"], strict=True))
