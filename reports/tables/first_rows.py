"""Which rows of a long table a terminal shows."""

import pandas as pd

from metrics.statistics.comparison import HEADLINE_FAMILY
from reports.runs.run import Run

FEW = 4  # methods that stay in their order; more are sorted, the best first


def first_rows(run: Run, table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows of a summary: headline metrics of the classes in the picture first, then the others.

    Of a metric the first layer comes first; of more than four methods the best.
    """
    if len(table) <= most:
        return table
    metrics = list(dict.fromkeys(metric for metric, _ in HEADLINE_FAMILY))
    ranks = {name: place for place, name in enumerate([*metrics, *table["metric"].unique()][::-1])}
    better = {name: entry["direction"] for name, entry in run.manifest["metrics"].items()}
    sign = table["metric"].map(lambda name: -1.0 if better.get(name) == "higher" else 1.0)
    keys = pd.DataFrame(
        {
            "role": table["role"].eq("wrong"),
            "metric": -table["metric"].map(ranks),
            "layer": table["layer"].map(run.layers.index),
            "value": (sign * table["mean"]).fillna(float("inf")) if len(run.methods) > FEW else 0.0,
        }
    )
    return table.loc[keys.sort_values(list(keys), kind="stable").index[:most]]
