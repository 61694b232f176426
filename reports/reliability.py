"""Can the metrics be relied on: do images agree on the order of the methods, do halves, and do the metrics?"""

import math
from collections.abc import Iterator
from itertools import combinations

import krippendorff
import numpy as np
import pandas as pd
from scipy import stats

from reports.run import Run
from reports.tables import by_image, in_order

SPLITS = 200
RELIABILITY = ["layer", "role", "metric", "n", "rivals", "alpha", "split_half"]
CORRELATION = ["layer", "role", "metric", "other_metric", "n", "spearman"]


def reliability(run: Run) -> pd.DataFrame:
    """Per metric with a better direction: how far images agree on the order of methods and controls (the rivals).

    `alpha` is Krippendorff's (ordinal; images are the raters that rank the rivals): 1 for full agreement, 0 for what
    chance gives, below 0 for systematic disagreement. `split_half` is the mean over 200 seeded splits of Spearman's rho
    between the rivals' means in two halves of the images; NaN for fewer than three rivals. `n` images have a value of
    every rival.
    """
    rows = []
    for (layer, role, metric), values in _by_image(run):
        wide = values.dropna(axis="columns", how="all").dropna()
        if wide.shape[1] < 2:
            continue
        alpha, halves = _alpha(wide.to_numpy()), _split_half(wide.to_numpy(), run.seed)
        rows.append((layer, role, metric, len(wide), wide.shape[1], alpha, halves))
    return in_order(run, pd.DataFrame(rows, columns=RELIABILITY))


def metric_correlation(run: Run) -> pd.DataFrame:
    """Spearman's rho between two metrics over images, the mean over methods; each oriented so that higher is better."""
    by_key: dict[tuple[str, str], dict[str, pd.Series]] = {}
    for (layer, role, metric), values in _by_image(run):
        sign = 1 if run.manifest["metrics"][metric]["direction"] == "higher" else -1
        own = values[[name for name in run.methods if name in values]]
        by_key.setdefault((layer, role), {})[metric] = sign * own.unstack()
    rows = []
    for (layer, role), metrics in by_key.items():
        ordered = [name for name in run.manifest["metrics"] if name in metrics]
        for first, second in combinations(ordered, 2):
            both = pd.concat([metrics[first], metrics[second]], axis=1, keys=["a", "b"]).dropna()
            found = [_spearman(group["a"], group["b"]) for _, group in both.groupby("method")]
            defined = [value for value in found if not math.isnan(value)]
            images = both.index.get_level_values("image_id").nunique()
            rows.append((layer, role, first, second, images, np.mean(defined) if defined else math.nan))
    return pd.DataFrame(rows, columns=CORRELATION)


def _by_image(run: Run) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Layer, role, metric, and the values: a row per image, a column per method."""
    ranked = [name for name, metric in run.manifest["metrics"].items() if metric["direction"] != "none"]
    scores = run.all_scores[run.all_scores["metric"].isin(ranked) & run.all_scores["role"].isin(["right", "present"])]
    for key, group in scores.groupby(["layer", "role", "metric"]):
        layer, role, metric = key
        yield (layer, role, metric), by_image(group)


def _alpha(values: np.ndarray) -> float:
    """Krippendorff's alpha of (images, rivals); NaN where there is one image, or all rivals always tie."""
    ranks = stats.rankdata(values, axis=1)
    if len(ranks) < 2 or len(np.unique(ranks)) < 2:
        return math.nan
    return float(krippendorff.alpha(reliability_data=ranks, level_of_measurement="ordinal"))


def _split_half(values: np.ndarray, seed: int) -> float:
    if len(values) < 4 or values.shape[1] < 3:
        return math.nan
    random, found = np.random.default_rng(seed), []
    for _ in range(SPLITS):
        order = random.permutation(len(values))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        found.append(_spearman(*(values[half].mean(axis=0) for half in halves)))
    return float(np.nanmean(found)) if not np.isnan(found).all() else math.nan


def _spearman(first: np.ndarray | pd.Series, second: np.ndarray | pd.Series) -> float:
    """Spearman's rho; NaN where one does not vary."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(stats.spearmanr(first, second).statistic)
