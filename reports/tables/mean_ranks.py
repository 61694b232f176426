"""Methods and controls ranked on every image: their mean ranks."""

import pandas as pd

from metrics.statistics.comparison import HEADLINE_FAMILY
from metrics.statistics.mean_ranks import critical_difference, mean_ranks
from reports.runs.run import Run
from reports.tables.summary import in_order

RANKS = ["method", "layer", "role", "metric", "n", "rivals", "mean_rank", "critical_difference"]


def mean_rank_table(run: Run) -> pd.DataFrame:
    """Per layer and headline metric with a better direction: mean rank (1 the best) of every method and control.

    `n` images have a value of every rival; two rivals whose mean ranks lie closer than `critical_difference` (Nemenyi)
    are not shown to differ.
    """
    rows = []
    for metric, role in HEADLINE_FAMILY:
        better = run.manifest["metrics"].get(metric, {}).get("direction", "none")
        for layer in () if better == "none" else run.values.layers(metric, role):
            wide = run.values.table(layer, role, metric).frame().dropna(axis="columns", how="all").dropna()
            distance = critical_difference(wide.shape[1], len(wide))
            for rival, rank in zip(wide.columns, mean_ranks(wide.to_numpy(), better), strict=True):
                rows.append((rival, layer, role, metric, len(wide), wide.shape[1], rank, distance))
    return in_order(run, pd.DataFrame(rows, columns=RANKS))
