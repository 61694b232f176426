"""Methods compared, paired by image, with a verdict."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from metrics.statistics.comparison import (
    ALPHA,
    HEADLINE_FAMILY,
    Paired,
    at_level,
    friedman,
    holm,
    paired_tables,
    verdict,
)
from metrics.statistics.permutation import draws_for
from reports.runs.run import GAP, Run
from reports.tables.dispersion import GAPS, gap_values
from reports.tables.summary import in_order
from reports.tables.wide import wide_scores

COMPARISON = [
    "method_a", "method_b", "layer", "role", "metric", "n", "n_undefined", "mean_difference", "ci_low", "ci_high",
    "hodges_lehmann", "p_value", "p_holm", "p_friedman", "p_wilcoxon", "rank_biserial", "win_rate", "detectable",
    "family", "verdict",
]  # fmt: skip
DESCRIBED = [
    "n", "mean_difference", "ci_low", "ci_high", "hodges_lehmann", "p_value", "p_wilcoxon", "rank_biserial", "win_rate",
    "detectable",
]  # fmt: skip


def comparison(run: Run) -> pd.DataFrame:
    """Per pair of methods, layer, role and metric: a - b, paired by image, and what may be said of a.

    On an image of several classes the mean over their maps counts. The headline family (first layer, see
    `metrics.statistics.comparison`) is corrected together by Holm and, with more than two methods, only where
    Friedman's test sees a difference at all; every other verdict is exploratory and uncorrected. The intervals of the m
    comparisons of the family hold together with 95 % (each at 1 - 0.05 / m, Bonferroni) and `detectable` is that of a
    test at 0.05 / m; those of the others are 95 % each, at 0.05.
    """
    rows: list[dict[str, Any]] = []
    asked = []
    largest = len(HEADLINE_FAMILY) * math.comb(len(run.methods), 2)
    for layer, role, metric, wide, groups in values_by_image(run):
        methods = [name for name in run.methods if name in wide]
        overall = friedman(wide[methods].dropna()) if len(methods) > 2 else math.nan
        family = "headline" if layer == run.layers[0] and (metric, role) in HEADLINE_FAMILY else "exploratory"
        pairs = list(combinations(methods, 2))
        first, second = (wide[[pair[place] for pair in pairs]].to_numpy(float) for place in (0, 1))
        draws = draws_for(largest if family == "headline" else 1, ALPHA)
        asked.append((first, second, groups, draws))
        for a, b in pairs:
            key = {"method_a": a, "method_b": b, "layer": layer, "role": role, "metric": metric}
            rows.append({**key, "p_friedman": overall, "family": family, "images": len(wide)})
    compared = [found for table in paired_tables(asked, run.seed) for found in table]
    for row, found in zip(rows, compared, strict=True):
        row["found"] = found
    return _judged(run, rows)


def verdict_text(run: Run, first: str, second: str, verdict: str) -> str:
    """The verdict on a - b with the methods' titles."""
    a, b = run.title(first), run.title(second)
    return {
        "better": f"{a} is better",
        "worse": f"{b} is better",
        "higher": f"{a} is higher",
        "lower": f"{b} is higher",
    }.get(verdict, verdict)


def values_by_image(run: Run) -> Iterator[tuple[str, str, str, pd.DataFrame, pd.Series | None]]:
    """Layer, role, metric, values (a row per image, a column per method), and labels that are to count the same."""
    yield from _measured(run)
    yield from _gaps(run)


def _measured(run: Run) -> Iterator[tuple[str, str, str, pd.DataFrame, None]]:
    """Every metric that a method has."""
    for layer, role, metric in run.values:
        wide = run.values.table(layer, role, metric).frame(run.methods)
        if len(wide):
            yield layer, role, metric, wide, None


def _gaps(run: Run) -> Iterator[tuple[str, str, str, pd.DataFrame, pd.Series]]:
    """The gaps wrong - right per image, and the images' labels: all classes count the same."""
    for layer in run.layers:
        wides = {method: wide_scores(run, method, layer) for method in run.methods}
        for name, statistic in GAPS.items():
            wanted = {f"{statistic}_right", f"{statistic}_wrong"}
            gaps = {
                method: gap_values(wide, statistic) for method, wide in wides.items() if wanted <= set(wide.columns)
            }
            if gaps:
                yield layer, GAP, name, pd.DataFrame(gaps), next(iter(wides.values()))["label"]


def _numbers(found: Paired, images: int) -> dict[str, float]:
    return {name: getattr(found, name) for name in DESCRIBED} | {"n_undefined": images - found.n}


def _judged(run: Run, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The table with corrected p-values, simultaneous intervals and verdicts."""
    tests = sum(row["family"] == "headline" and row["found"].n > 0 for row in rows)
    for row in rows:
        if row["family"] == "headline":
            row["found"] = at_level(row["found"], ALPHA / max(tests, 1))
        row |= _numbers(row["found"], row["images"])
    table = pd.DataFrame(rows, columns=[*COMPARISON, "found"])
    headline = table["family"] == "headline"
    gated = table["p_value"].where(~(table["p_friedman"] >= ALPHA), 1.0)
    table.loc[headline, "p_holm"] = holm(gated[headline].tolist())
    decisive = table["p_holm"].where(headline, gated)
    directions = {name: metric["direction"] for name, metric in run.manifest["metrics"].items()}
    table["verdict"] = [
        verdict(found, p, directions.get(metric, "none"))
        for found, p, metric in zip(table["found"], decisive, table["metric"], strict=True)
    ]
    return in_order(run, table[COMPARISON])
