"""The two methods that a question is asked about, and what was found between them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.runs.run import Run

Row = dict[str, Any]
Tables = Mapping[str, pd.DataFrame]
FAITHFUL = ("srg_probability", "right")  # metric and role


def leaders(run: Run, tables: Tables, metric: str, role: str) -> tuple[str, str] | None:
    """The two methods that a question compares: both of two, in the run's order; of more the two best, the best first.

    None where fewer than two have the metric.
    """
    own = chosen(tables["ranking"], metric=metric, role=role)
    if len(own) < 2:
        return None
    first, second = own["method"].iloc[:2]
    if len(run.methods) == 2:
        first, second = run.methods
    return str(first), str(second)


def compared_pair(run: Run, tables: Tables, metric: str, role: str) -> Row | None:
    """The comparison of the two leaders; turned so that it is the first one's minus the second one's."""
    pair = leaders(run, tables, metric, role)
    return between(run, tables, *pair, metric, role) if pair else None


def between(run: Run, tables: Tables, first: str, second: str, metric: str, role: str) -> Row | None:
    """The comparison of two methods, turned so that it is the first one's minus the second one's; None for none."""
    own = chosen(tables["comparison"], layer=run.layers[0], metric=metric, role=role)
    for row in own[own["method_a"].isin([first, second]) & own["method_b"].isin([first, second])].to_dict("records"):
        return row if row["method_a"] == first else _turned(row)
    return None


def _turned(row: Row) -> Row:
    other = {"better": "worse", "worse": "better", "higher": "lower", "lower": "higher"}
    return row | {
        "method_a": row["method_b"],
        "method_b": row["method_a"],
        "mean_difference": -row["mean_difference"],
        "ci_low": -row["ci_high"],
        "ci_high": -row["ci_low"],
        "rank_biserial": -row["rank_biserial"],
        "verdict": other.get(row["verdict"], row["verdict"]),
    }


def chosen(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Rows with these values."""
    for column, value in values.items():
        table = table[table[column].eq(value)]
    return table
