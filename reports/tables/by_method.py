"""What every method answers for itself: does it follow the class, beat the controls, lead on other images too?"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from reports.numbers import FEW
from reports.runs.run import GAP, NEGATED, Run
from reports.tables.controls import NOT_TRIED
from reports.tables.leaders import FAITHFUL, Row, Tables, between, chosen, leaders
from reports.tables.question import Line, Question, p_text, validated_text

STABLE = 0.95  # share of resamples from which on a lead is stable
NONE_BEATS = "none beats them all"
NAMED = 3  # methods of whom a question about each has a line


def follows(run: Run, tables: Tables) -> Question:
    """Per method whether the map of the absent class is the more scattered one."""
    name = "Follows the class?"
    meaning = "Is the map of the class that is not in the picture more scattered than that of the class that is?"
    own = chosen(tables["wrong_class"], statistic="scatter", layer=run.layers[0])
    rows = {row["method"]: row for row in own.iloc[::-1].to_dict("records")}  # the first stratum is the balanced one
    rows = {method: rows[method] for method in run.methods if method in rows and not math.isnan(rows[method]["gap"])}
    if not rows:
        return Question(name, meaning, NOT_TRIED, "untried", note="No image has a right and a wrong map with values.")
    shown = [method for method, row in rows.items() if row["ci_low"] > 0]
    other = [method for method, row in rows.items() if row["ci_high"] < 0]
    lines = [Line(run.title(m), row["gap"], row["ci_low"], row["ci_high"]) for m, row in list(rows.items())[:NAMED]]
    few = all(math.isnan(row["ci_low"]) for row in rows.values())
    answer = "too few images" if few else _who(run, shown, rows)
    note = f"{' and '.join(map(run.title, other[:NAMED]))}: less scattered, not more." if other else ""
    first, second = leaders(run, tables, *FAITHFUL) or (run.methods[0], run.methods[-1])
    found = between(run, tables, first, second, "scatter_gap", GAP)
    p = p_text(found["p_holm"], "Holm, between the methods") if found else "none"
    state = "shown" if shown else "open"
    sides = ("less scattered", "more scattered")
    images = int(max(row["n"] for row in rows.values()))
    return Question(name, meaning, answer, state, lines, sides, images, p, validated_text(run, tables, "scatter"), note)


def _who(run: Run, shown: list[str], asked: Mapping[str, Any]) -> str:
    """Which methods something is shown of."""
    if len(asked) == 1:
        return "yes" if shown else "not shown"
    if not shown:
        return "not shown"
    if len(shown) == len(asked):
        return "both do" if len(asked) == 2 else f"all {len(asked)} do"
    return f"{run.title(shown[0])} alone" if len(shown) == 1 else f"{len(shown)} of {len(asked)} methods"


def beats_controls(run: Run, tables: Tables) -> Question:
    """Per method the difference to the control that is hardest to beat, by the metric that most controls have."""
    name = "Beats the controls?"
    table = tables.get("controls", pd.DataFrame())
    if table.empty:
        meaning = "Is the map better than maps that no network made: random cells, a centred blob, edges?"
        return Question(name, meaning, NOT_TRIED, "untried", note="This run has no controls.")
    own, metric = _most_tried(run, table)
    meaning = (
        f"Is the map better than maps that no network made: random cells, a centred blob, edges? {run.title(metric)}."
    )
    tried = own[own["beats"].ne(NOT_TRIED)]
    if tried.empty:
        return Question(name, meaning, NOT_TRIED, "untried", note="No control has this metric: --controls all.")
    hardest = dict(_hardest(run, tried))
    beaten = [m for m in hardest if tried.loc[tried["method"].eq(m), "beats"].eq("yes").all()]
    lines = [
        Line(f"{run.title(m)} minus {run.title(row['control'])}", row["mean_difference"], row["ci_low"], row["ci_high"])
        for m, row in list(hardest.items())[:NAMED]
    ]
    untried = _kinds(own) - _kinds(tried)
    answer = _who(run, beaten, hardest) if beaten else NONE_BEATS
    if all(math.isnan(line.low) for line in lines):
        answer = "too few images"
    note = "A line is the control that is hardest to beat."
    note += f" Not tried: {untried} of {_kinds(own)} kinds; --controls all does." if untried else ""
    least = next(iter(hardest.values()))
    return Question(
        name,
        meaning,
        f"{answer}, of those tried" if untried and beaten else answer,
        "shown" if beaten and not untried else "open",
        lines,
        ("control ahead", "method ahead"),
        int(least["n"]),
        p_text(least["p_value"], "uncorrected, first line"),
        validated_text(run, tables, metric),
        note,
    )


def _most_tried(run: Run, table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the metric that most kinds of controls were tried on, faithfulness where several are."""
    found = []
    for metric, role in (FAITHFUL, ("energy_in_mask", "right"), ("own_animal_share", "present")):
        own = chosen(table, layer=run.layers[0], metric=metric, role=role)
        found.append((own, metric, _kinds(own[own["beats"].ne(NOT_TRIED)])))
    own, metric, _ = max(found, key=lambda entry: entry[2])  # the first of several
    return own, metric


def _kinds(table: pd.DataFrame) -> int:
    """Controls, all negated maps being one kind."""
    names = {str(name) for name in table["control"]}
    return len({NEGATED if name.startswith(NEGATED) else name for name in names})


def _hardest(run: Run, tried: pd.DataFrame) -> Iterator[tuple[str, Row]]:
    for method in run.methods:
        rows = tried[tried["method"].eq(method) & tried["mean_difference"].notna()]
        if len(rows):
            yield method, rows.sort_values("mean_difference", kind="stable").iloc[0].to_dict()


def stable(run: Run, tables: Tables, faithful: Question) -> Question:
    """How often the same method leads when the images are drawn again; a description, no test."""
    name = "Stable?"
    meaning = "Does the same method lead when the images are drawn again, with replacement? SRG of the right class."
    own = chosen(tables["ranking"], metric=FAITHFUL[0], role=FAITHFUL[1])
    if len(own) < 2:
        return Question(name, meaning, NOT_TRIED, "untried", note="Fewer than two methods have this metric.")
    best = own.iloc[0]
    if math.isnan(best["first"]):
        note = f"Fewer than {FEW} images: no resamples."
        return Question(name, meaning, "too few images", "open", n=int(best["n"]), note=note)
    title, share = run.title(str(best["method"])), float(best["first"])
    state = "shown" if share >= STABLE and faithful.state == "shown" else "open"
    return Question(
        name,
        meaning,
        f"{title} leads in {100 * share:.0f} %",
        state,
        n=int(best["n"]),
        p="none: a description",
        validated=validated_text(run, tables, FAITHFUL[0]),
        note="Of 2,000 resamples of the images.",
        share=share,
    )
