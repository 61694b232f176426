"""Can the metrics be relied on: do images agree on the order of the methods, do halves, and do the metrics?"""

import math
from collections.abc import Iterator
from itertools import combinations

import krippendorff
import numpy as np
import pandas as pd
from scipy import stats

from reports.runs.run import NEGATED, Run
from reports.tables.summary import in_order

SPLITS = 200
RELIABILITY = ["layer", "role", "metric", "n", "rivals", "alpha", "split_half"]
CORRELATION = ["layer", "role", "metric", "other_metric", "n", "spearman"]


def reliability(run: Run) -> pd.DataFrame:
    """Per metric with a better direction: how far images agree on the order of methods and controls (the rivals).

    `alpha` is Krippendorff's (ordinal; images are the raters that rank the rivals): 1 for full agreement, 0 for what
    chance gives, below 0 for systematic disagreement. `split_half` is the mean over 200 seeded splits of Spearman's rho
    between the rivals' means in two halves of the images; NaN for fewer than three rivals. `n` images have a value of
    every rival. The rivals are the same for every metric of a role, those of which all have values, and negated maps
    are none: whatever a map says, its negation says the opposite, which any metric can tell. A metric that lacks a
    method is left out, and with it what it would cost the others.
    """
    tables = dict(_by_image(run))
    held: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for (layer, role, _), values in tables.items():
        held.setdefault((layer, role), []).append(values)
    rivals_of = {key: _rivals(run, own) for key, own in held.items()}
    rows = []
    for (layer, role, metric), values in tables.items():
        rivals = rivals_of[layer, role]
        if len(rivals) < 2 or not set(rivals) <= set(values):
            continue
        wide = values[rivals].dropna()
        alpha, halves = _alpha(wide.to_numpy()), _split_half(wide.to_numpy(), run.seed)
        rows.append((layer, role, metric, len(wide), wide.shape[1], alpha, halves))
    return in_order(run, pd.DataFrame(rows, columns=RELIABILITY))


def metric_correlation(run: Run) -> pd.DataFrame:
    """Spearman's rho between two metrics over images, the mean over methods; each oriented so that higher is better."""
    by_key: dict[tuple[str, str], dict[str, pd.DataFrame]] = {}
    for (layer, role, metric), values in _by_image(run):
        sign = 1 if run.manifest["metrics"][metric]["direction"] == "higher" else -1
        own = values[[name for name in run.methods if name in values]]
        by_key.setdefault((layer, role), {})[metric] = sign * own
    rows = []
    for (layer, role), metrics in by_key.items():
        wide = pd.concat(metrics, axis="columns", names=["metric"]).swaplevel(axis="columns")
        names = [name for name in run.manifest["metrics"] if name in metrics]
        methods = [wide[name].reindex(columns=names) for name in wide.columns.unique("method")]
        found = np.array([values.corr("spearman", min_periods=2).to_numpy() for values in methods])
        defined = np.array([values.notna().to_numpy() for values in methods])
        for first, second in combinations(range(len(names)), 2):
            images = (defined[..., first] & defined[..., second]).any(axis=0).sum() if len(methods) else 0
            rho = found[:, first, second][~np.isnan(found[:, first, second])] if len(methods) else ()
            rows.append((layer, role, names[first], names[second], images, np.mean(rho) if len(rho) else math.nan))
    return pd.DataFrame(rows, columns=CORRELATION)


def _rivals(run: Run, tables: list[pd.DataFrame]) -> list[str]:
    """Methods that any metric has, and controls that every metric with those methods has; no negated ones."""
    held = [{str(name) for name in table.columns[table.notna().any()]} for table in tables]
    methods = [name for name in run.methods if any(name in names for names in held)]
    whole = [names for names in held if set(methods) <= names]
    controls = [name for name in run.controls if not name.startswith(NEGATED)]
    return methods + [name for name in controls if whole and all(name in names for names in whole)]


def _by_image(run: Run) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Layer, role, metric, and the values: a row per image, a column per method."""
    ranked = [name for name, metric in run.manifest["metrics"].items() if metric["direction"] != "none"]
    for layer, role, metric in run.values:
        if metric in ranked and role in ("right", "present"):
            yield (layer, role, metric), run.values.table(layer, role, metric).frame()


def _alpha(values: np.ndarray) -> float:
    """Krippendorff's alpha of (images, rivals); NaN where there is one image, or all rivals always tie."""
    ranks = stats.rankdata(values, axis=1)
    if len(ranks) < 2 or len(np.unique(ranks)) < 2:
        return math.nan
    return float(krippendorff.alpha(reliability_data=ranks, level_of_measurement="ordinal"))


def _split_half(values: np.ndarray, seed: int) -> float:
    if len(values) < 4 or values.shape[1] < 3:
        return math.nan
    random, half = np.random.default_rng(seed), len(values) // 2
    orders = [random.permutation(len(values)) for _ in range(SPLITS)]
    means = [[values[part].mean(axis=0) for part in (order[:half], order[half:])] for order in orders]
    ranks = stats.rankdata(np.array(means), axis=2)  # (splits, halves, rivals)
    first, second = (ranks - ranks.mean(axis=2, keepdims=True)).swapaxes(0, 1)
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    rho = (first * second).sum(axis=1)[scale > 0] / scale[scale > 0]
    return float(rho.mean()) if len(rho) else math.nan
