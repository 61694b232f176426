"""The findings of a run in words, every number taken from its tables."""

import math
from typing import Any

import pandas as pd

from metrics.statistics.comparison import ALPHA
from reports.numbers import interval_text
from reports.runs.run import Run
from reports.tables.smoothness import FAITHFULNESS, smoothness_text
from reports.tables.substrates import DECIDED, is_faithful, lead_text, scope_text
from reports.tables.wrong_class import wrong_class_sentences

CAVEAT = (
    "Intervals are 95 %, those of the headline comparisons for all of them together, and describe the choice of images "
    "for this one network; they say nothing about networks trained from another seed."
)
LISTED = 12  # classes that a sentence names
FEWEST, FEWEST_WRONG = 8, 5  # images of one class from which accuracy is judged; if all of them are called wrong


def warnings(run: Run) -> list[str]:
    """What makes the numbers of a run doubtful: class orders that contradict each other, accuracy below chance.

    Accuracy is the share of one-class images that the network calls right, judged from 8 images on, and from 5 on where
    it is 0; chance is one over the number of classes.
    """
    said = [f"WARNING: {text}." for text in run.manifest["checkpoint"].get("warnings", [])]
    single = run.images[run.single(run.images["label"])]
    right, classes = int((single["label"] == single["predicted"]).sum()), len(run.classes)
    if right < len(single) / classes and len(single) >= (FEWEST if right else FEWEST_WRONG):
        said.append(
            f"WARNING: the network calls {right} of {len(single)} one-class images right ({right / len(single):.0%}), "
            f"{_below_chance(run)} If they are, it does not know these images."
        )
    return said


def _below_chance(run: Run) -> str:
    count, more = len(run.classes), " ..." if len(run.classes) > LISTED else ""
    order = ", ".join(run.classes[:LISTED]) + more
    if count == 2:
        return (
            f"fewer than a coin. If its outputs are not in the order {order}, right and wrong class are exchanged in "
            f"every number here: score again with --classes {','.join(run.classes[::-1])}."
        )
    return (
        f"fewer than chance, 1 in {count}. If its outputs are not in the order {order}, every number here is another "
        "class's: score again with --classes and the names in the order of the outputs."
    )


def findings(
    run: Run,
    summary: pd.DataFrame,
    comparison: pd.DataFrame,
    gaps: pd.DataFrame,
    at_best: pd.DataFrame | None = None,
    substrates: pd.DataFrame | None = None,
) -> list[str]:
    """Warnings first; then sentences on faithfulness, the wrong-class map and localisation at the first layer.

    `at_best` is the comparison of smoothed maps, where there are any (see `reports.tables.smoothness`), `substrates`
    that under every substrate (see `reports.tables.substrates`): who leads is called more faithful only where both
    were tried and the lead holds.
    """
    layer = run.layers[0]
    sentences = [
        _compared(run, summary, comparison, "srg_probability", layer, "Relevance gain (SRG)", "ahead"),
        _faithful(run, comparison, substrates),
        smoothness_text(run, at_best),
        scope_text(run, substrates),
        *(sentence for method in run.methods for sentence in wrong_class_sentences(run, summary, gaps, method, layer)),
        _compared(run, summary, comparison, "energy_in_mask", layer, "Energy on the animal", "better localised"),
    ]
    return warnings(run) + (
        [sentence for sentence in sentences if sentence] or ["This run computed none of the headline metrics."]
    )


def _faithful(run: Run, comparison: pd.DataFrame, substrates: pd.DataFrame | None) -> str:
    """Of every lead in SRG, whether it may be called faithfulness."""
    paired = _only(comparison, metric=FAITHFULNESS, role="right", layer=run.layers[0])
    said = []
    for row in paired[paired["verdict"].isin([*DECIDED])].to_dict("records"):
        first, second, lead = row["method_a"], row["method_b"], DECIDED[row["verdict"]]
        holds, why = is_faithful(run, substrates, lead, first, second)
        winner = run.title(first if lead > 0 else second)
        said.append(f"{winner} is more faithful. {why}" if holds else why)
        said.append(lead_text(substrates, first, second))
    return " ".join(filter(None, said))


def _compared(
    run: Run, summary: pd.DataFrame, comparison: pd.DataFrame, metric: str, layer: str, name: str, better: str
) -> str:
    """A metric of the right class for every method, and who is better among the first two."""
    own = _only(summary, metric=metric, role="right", layer=layer)
    own = own[own["method"].isin(run.methods)]
    if own.empty:
        return ""
    values = "; ".join(f"{run.title(row['method'])} {_interval(row, 'mean')}" for _, row in own.iterrows())
    text = f"{name} of the right class at {layer}: {values}."
    paired = _only(comparison, metric=metric, role="right", layer=layer)
    for _, row in paired.iterrows():
        first, second = run.title(row["method_a"]), run.title(row["method_b"])
        said = f"{first} minus {second} is {_interval(row, 'mean_difference')} over {row['n']} images"
        if row["verdict"] == "undefined":
            text += f" {first} against {second} is undefined: no image has both values."
        elif row["verdict"] in ("better", "worse"):
            winner = first if row["verdict"] == "better" else second
            text += f" {winner} is {better}: {said}{although(row)}."
        elif row["verdict"] == "mixed":
            more = first if row["rank_biserial"] > 0 else second
            text += f" Mixed: {said}, but {more} is ahead on most images; a few large differences decide the mean."
        else:
            text += f" No difference shown: {said}{although(row)}{_could_show(row)}."
    return text


def although(row: "pd.Series[Any]") -> str:
    """Why the verdict stands where the interval, read alone, says something else; "" where it does not."""
    decided = row["verdict"] in ("better", "worse")
    if math.isnan(row["ci_low"]) or decided == bool(row["ci_low"] > 0 or row["ci_high"] < 0):
        return ""
    if decided:
        return (
            f"; the interval is wide enough for all headline comparisons at once and reaches 0, the test corrects them "
            f"one after the other (Holm) and has p = {row['p_holm']:.2g}"
        )
    if row["p_friedman"] >= ALPHA:
        return f"; over all methods together Friedman's test sees no difference (p = {row['p_friedman']:.2g})"
    return f"; the interval leaves 0 out, but the test, stricter with few or tied images, has p = {row['p_holm']:.2g}"


def _could_show(row: "pd.Series[Any]") -> str:
    if math.isnan(row["detectable"]):
        return "; so few images that differ could not have shown any"
    return f"; this run could have shown one of {row['detectable']:.3f}"


def _only(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def _interval(row: "pd.Series[Any]", name: str) -> str:
    return interval_text(row[name], row["ci_low"], row["ci_high"], row["n"])
