"""The wrong-class map in words: is it scattered, on nothing useful, of use to its class?"""

import math
from typing import Any

import pandas as pd

from reports.numbers import interval_text
from reports.runs.run import Run
from reports.tables.dispersion import class_stratum


def wrong_class_sentences(run: Run, summary: pd.DataFrame, table: pd.DataFrame, method: str, layer: str) -> list[str]:
    """Up to three sentences on one method at one layer, every number from the tables.

    Args:
        run: the run.
        summary: its summary.
        table: its `reports.tables.dispersion.wrong_class`.
        method: name.
        layer: name.
    """
    own = table[(table["method"] == method) & (table["layer"] == layer)]
    name = f"{run.title(method)} at {layer}"
    headline = own[own["stratum"].isin(["balanced", *map(class_stratum, run.classes)])]
    first = {row["statistic"]: row for _, row in headline.iloc[::-1].iterrows()}  # the balanced one, where there is one
    rows = summary[(summary["method"] == method) & (summary["layer"] == layer) & (summary["role"] == "right")]
    sentences = [
        _scattered(name, first["scatter"], own) if "scatter" in first else "",
        _lies_on(name, first["animal_lift"]) if "animal_lift" in first else "",
        _of_use(name, first.get("srg_probability"), rows),
    ]
    return [sentence for sentence in sentences if sentence]


def _scattered(name: str, row: "pd.Series[Any]", own: pd.DataFrame) -> str:
    if math.isnan(row["gap"]):
        why = "one class has no image with two such maps" if row["n"] else "no image has two maps with enough cells"
        return f"{name}: the scatter gap is undefined, {why}."
    verdict = _by_interval(
        row["ci_low"],
        row["ci_high"],
        "wrong-class maps are more scattered than right-class maps",
        "wrong-class maps are less scattered, not more, than right-class maps",
        "no difference in scatter between wrong-class and right-class maps is shown",
        "so few images cannot judge scatter",
    )
    bounds = ""
    if row["n_undefined"]:
        limits = f"{row['gap_least']:.3f} to {row['gap_most']:.3f}"
        bounds = f"; {row['n_undefined']:.0f} images with too few cells left out, which leave it in {limits}"
    mirror = "" if math.isnan(row["mirror"]) else f"; the right-class map turned over has {row['mirror']:.3f}"
    text = (
        f"{name}: {verdict}; scatter {row['wrong']:.3f} against {row['right']:.3f}, {row['stratum']} gap "
        f"{_interval(row)}, n = {row['n']:.0f}{bounds}{mirror}."
    )
    strata = own[own["statistic"].eq("scatter")].set_index("stratum")
    said = [
        f"{words} {_interval(strata.loc[stratum])}"
        for stratum, words in (("by call", "not called minus called"), ("called right", "on images called right"))
        if stratum in strata.index and not math.isnan(strata.loc[stratum, "gap"])
    ]
    return f"{text} Gap by what the network calls the image: {', '.join(said)}." if said else text


def _lies_on(name: str, row: "pd.Series[Any]") -> str:
    if math.isnan(row["wrong"]):
        return ""
    verdict = _by_interval(
        row["wrong_low"],
        row["wrong_high"],
        "the wrong-class map is more on the animal than the same class's maps of other images would be",
        "the wrong-class map is less on the animal than the same class's maps of other images would be",
        "the wrong-class map is not shown to be more on the animal than the same class's maps of other images would be",
        "so few images cannot judge what the wrong-class map lies on",
    )
    lift = interval_text(row["wrong"], row["wrong_low"], row["wrong_high"])
    return f"{name}: {verdict}; its lift is {lift}, that of the right class's map {row['right']:.3f}."


def _of_use(name: str, row: "pd.Series[Any] | None", summary: pd.DataFrame) -> str:
    """SRG along the wrong class's own map, and how much mass it has at all."""
    ratio = summary.loc[summary["metric"] == "mass_ratio", "median"]
    mass = (
        f"the median wrong-class map has {ratio.iloc[0]:.2f} times the right one's mass" if ratio.notna().any() else ""
    )
    if row is None or math.isnan(row["wrong"]):
        return f"{name}: {mass}." if mass else ""
    verdict = _by_interval(
        row["wrong_low"],
        row["wrong_high"],
        "the wrong-class map finds what speaks for its class",
        "the wrong-class map finds what speaks for its class worse than a random order",
        "the wrong-class map is not shown to find anything that speaks for its class",
        "so few images cannot judge whether the wrong-class map is of use",
    )
    gain = interval_text(row["wrong"], row["wrong_low"], row["wrong_high"])
    return f"{name}: {verdict}; SRG along it is {gain}, a random order has 0{'; ' + mass if mass else ''}."


def _by_interval(low: float, high: float, above: str, below: str, neither: str, unknown: str) -> str:
    if math.isnan(low):
        return unknown
    return above if low > 0 else below if high < 0 else neither


def _interval(row: "pd.Series[Any]") -> str:
    return interval_text(row["gap"], row["ci_low"], row["ci_high"])
