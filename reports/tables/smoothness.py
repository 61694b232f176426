"""How much of a lead is smoothness: scores of smoothed maps, and methods held against each other at their best."""

from itertools import combinations

import numpy as np
import pandas as pd

from metrics.statistics.comparison import paired_columns, verdict
from metrics.statistics.intervals import mean_intervals
from reports.numbers import interval_text
from reports.runs.run import Run
from reports.tables.summary import in_order

SMOOTHNESS = [
    "method", "layer", "role", "metric", "sigma", "n", "n_undefined", "mean", "ci_low", "ci_high", "best",
]  # fmt: skip
AT_BEST = [
    "method_a", "method_b", "layer", "role", "metric", "sigma_a", "sigma_b", "n", "n_undefined", "mean_difference",
    "ci_low", "ci_high", "p_value", "verdict",
]  # fmt: skip
FAITHFULNESS = "srg_probability"


def smoothness(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means per method and standard deviation of the Gaussian in cells, and the methods compared in pairs.

    `best` marks the sigma of a method whose mean over the images with a value at every sigma is best. Pairs are
    compared as they are (sigma 0), and each at its own best; uncorrected. What leads as it is, and not at the best, led
    by being smoother.
    """
    means, pairs = [], []
    for (layer, role, metric), values in values_by_sigma(run).items():
        direction = run.manifest["metrics"][metric]["direction"]
        best = {method: best_sigma(table, direction) for method, table in values.items()}
        for method, table in values.items():
            low, high = mean_intervals(table.to_numpy(float))
            for place, sigma in enumerate(table.columns):
                known = table[sigma].dropna()
                numbers = (len(known), len(table) - len(known), known.mean(), low[place], high[place])
                means.append((method, layer, role, metric, sigma, *numbers, "yes" if sigma == best[method] else ""))
        for a, b in combinations(values, 2):
            for at in dict.fromkeys([(0.0, 0.0), (best[a], best[b])]):
                own = pd.concat([values[name][sigma] for name, sigma in zip((a, b), at, strict=True)], axis=1)
                (found,) = paired_columns(own.iloc[:, :1].to_numpy(), own.iloc[:, 1:].to_numpy(), run.seed)
                numbers = (found.n, len(own) - found.n, found.mean_difference, found.ci_low, found.ci_high)
                said = verdict(found, found.p_value, direction)
                pairs.append((a, b, layer, role, metric, *at, *numbers, found.p_value, said))
    return (
        in_order(run, pd.DataFrame(means, columns=SMOOTHNESS)),
        in_order(run, pd.DataFrame(pairs, columns=AT_BEST)),
    )


def values_by_sigma(run: Run) -> dict[tuple[str, str, str], dict[str, pd.DataFrame]]:
    """Per layer, role and metric, of every method the values by image, a column per sigma, 0 first."""
    found: dict[tuple[str, str, str], dict[str, pd.DataFrame]] = {}
    for layer, role, metric in run.smoothed_values if run.smoothed else ():
        if run.manifest["metrics"][metric]["direction"] == "none":
            continue
        plain, smooth = (found.table(layer, role, metric).frame() for found in (run.values, run.smoothed_values))
        for method in run.methods:
            entries = run.smoothed.items()
            names = {e["sigma"]: name for name, e in entries if e["method"] == method and name in smooth}
            columns = {0.0: plain[method]} | {sigma: smooth[name] for sigma, name in sorted(names.items())}
            if names:
                found.setdefault((layer, role, metric), {})[method] = pd.DataFrame(columns)
    return found


def best_sigma(table: pd.DataFrame, direction: str) -> float:
    """The column with the best mean over the rows without gaps; the least smooth one of several, and where none is."""
    means = table.dropna().mean().to_numpy()
    if np.isnan(means).all():
        return float(table.columns[0])
    return float(table.columns[int(np.nanargmin(means) if direction == "lower" else np.nanargmax(means))])


def smoothness_text(run: Run, at_best: pd.DataFrame | None) -> str:
    """What is left of the lead in SRG at the first layer when both methods are as smooth as suits them; "" for none."""
    if at_best is None:
        return ""
    own = at_best[at_best["metric"].eq(FAITHFULNESS) & at_best["role"].eq("right")]
    said = []
    for (a, b), rows in own.groupby(["method_a", "method_b"], sort=False):
        plain, best = rows.iloc[0], rows.iloc[-1]
        first, second = run.title(str(a)), run.title(str(b))
        kept = _kept(plain["verdict"], best["verdict"], first, second)
        sigmas = f"{first} {best['sigma_a']:g}, {second} {best['sigma_b']:g} cells"
        difference = interval_text(best["mean_difference"], best["ci_low"], best["ci_high"], best["n"])
        said.append(
            f"{kept}: {first} minus {second} in SRG is {difference} at the smoothing that suits each ({sigmas})."
        )
    return " ".join(said)


def _kept(plain: str, best: str, first: str, second: str) -> str:
    decided = {"better": first, "worse": second}
    if plain in decided and best == plain:
        return f"{decided[plain]} leads by more than smoothness"
    if plain in decided and best in decided:
        return f"{decided[best]} leads once both are smoothed, {decided[plain]} as they are"
    if plain in decided:
        return f"The lead of {decided[plain]} may be smoothness"
    return (
        f"{decided[best]} leads once both are smoothed" if best in decided else "Smoothing shows no difference either"
    )
