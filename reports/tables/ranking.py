"""Methods in order, and whether the order holds when other images are drawn."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from metrics.statistics.bootstrap import weighted
from metrics.statistics.intervals import mean_intervals
from reports.numbers import FEW
from reports.runs.run import Run

ASKED = (("srg_probability", "right"), ("energy_in_mask", "right"), ("own_animal_share", "present"))
RANKING = [
    "metric", "role", "layer", "method", "n", "mean", "ci_low", "ci_high", "rank", "rank_low", "rank_high", "first",
]  # fmt: skip


def ranking(run: Run) -> pd.DataFrame:
    """Per question at the first layer: the methods by their means, the best first, and how firm their places are.

    All means are over the same `n` images, those with a value of every method that has any. `rank_low` to `rank_high`
    holds a method's rank in 95 % of 2,000 resamples of these images; `first` is the share of them in which it is the
    best, ties shared. Fewer than 8 images have neither. Metrics are `ASKED`.
    """
    tables = [_ranked(run, metric, role) for metric, role in ASKED if (run.layers[0], role, metric) in run.values]
    known = [table for table in tables if len(table)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=RANKING)


def _ranked(run: Run, metric: str, role: str) -> pd.DataFrame:
    wide = run.values.table(run.layers[0], role, metric).frame(run.methods).dropna(axis="columns", how="all").dropna()
    if wide.empty:
        return pd.DataFrame(columns=RANKING)
    values = wide.to_numpy()
    sign = 1 if run.manifest["metrics"][metric]["direction"] == "lower" else -1
    low, high, first = _resampled(values, sign, run.seed)
    interval = mean_intervals(values)
    table = pd.DataFrame(
        {
            "metric": metric,
            "role": role,
            "layer": run.layers[0],
            "method": list(wide.columns),
            "n": len(wide),
            "mean": values.mean(axis=0),
            "ci_low": interval[0],
            "ci_high": interval[1],
            "rank": stats.rankdata(sign * values.mean(axis=0), method="min"),
            "rank_low": low,
            "rank_high": high,
            "first": first,
        }
    )
    return table[RANKING].sort_values("rank", kind="stable", ignore_index=True)


def _resampled(values: np.ndarray, sign: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest and highest rank in 95 % of the resamples of (n, k) values, and the share that each is first in; (k,)."""
    if len(values) < FEW:
        unknown = np.full(values.shape[1], math.nan)
        return unknown, unknown, unknown
    means = sign * weighted(len(values), seed, values)  # (R, k), the least is best
    ranks = stats.rankdata(means, axis=1, method="min")
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest")
    best = ranks == 1
    return low, high, (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
