"""The answer of a run in one sentence, and what else is shown in a second one."""

import math
from collections.abc import Mapping

import pandas as pd

from reports.runs.run import Run
from reports.tables.by_method import NONE_BEATS
from reports.tables.leaders import FAITHFUL, Row, compared_pair
from reports.tables.needed import MOST, needed
from reports.tables.question import Question
from reports.tables.smoothness import FAITHFULNESS
from reports.tables.substrates import is_faithful
from reports.text import label

FAITHFUL_PLACE, LOCALISED_PLACE = 0, 1


def answer(run: Run, tables: Mapping[str, pd.DataFrame], card: list[Question]) -> tuple[str, str]:
    """The heading of the report and a sentence below it, which may be empty.

    The heading says which method is more faithful, on what and on how many images, or only ahead, where its lead does
    not hold, or was not tried, over substrates and smoothing; or that no difference is shown, and how many images would
    be needed. Where faithfulness was not measured it says so of localisation.
    """
    asked = card[FAITHFUL_PLACE]
    if asked.state == "untried" and card[LOCALISED_PLACE].state != "untried":
        asked, what = card[LOCALISED_PLACE], "localised"
    else:
        what = "faithful"
    if asked.state == "untried":
        return _single(run, card), ""
    row = compared_pair(run, tables, *(FAITHFUL if what == "faithful" else asked.asked))
    if row is None:
        return _single(run, card), ""
    smooth = _smoothness(run, tables, row) if what == "faithful" else ""
    holds, why = True, ""
    if what == "faithful" and asked.state == "shown":
        lead = 1 if row["verdict"] == "better" else -1
        holds, why = is_faithful(run, tables.get("substrates"), lead, str(row["method_a"]), str(row["method_b"]))
    heading = _heading(run, asked, row, what, smooth) if holds else _ahead(run, asked, row, smooth)
    return heading, _second(run, card, what, asked, "" if holds else why)


def _where(run: Run, images: int) -> str:
    return f"{images:,} image{'s' * (images != 1)} of {label(str(run.manifest['dataset']['name']), 40)}"


def _ahead(run: Run, asked: Question, row: Row, smooth: str) -> str:
    """The heading of a lead in SRG that is not called faithfulness."""
    a, b = run.title(row["method_a"]), run.title(row["method_b"])
    winner, loser = (a, b) if asked.answer == a else (b, a)
    others = f"{len(run.methods) - 1} other methods" if len(run.methods) > 2 else loser
    return f"{winner} is ahead of {others} in relevance gain on {_where(run, int(row['n']))}{smooth}."


def _heading(run: Run, asked: Question, row: Row, what: str, smooth: str) -> str:
    a, b, where = run.title(row["method_a"]), run.title(row["method_b"]), _where(run, int(row["n"]))
    many = len(run.methods) > 2
    better = "more faithful" if what == "faithful" else "better localised"
    if asked.state == "shown":
        winner, loser = (a, b) if asked.answer == a else (b, a)
        if many:
            return f"{winner} is {_best(what)} of {len(run.methods)} methods on {where}{smooth}."
        return f"{winner} is {better} than {loser} on {where}{smooth}."
    if asked.state == "mixed":
        return f"{a} or {b}? On {where} the mean says one thing and most images another."
    if asked.answer == "too few images":
        return f"{where} {'is' if row['n'] == 1 else 'are'} too few to say whether {a} or {b} is {better}."
    images = needed(row)
    need = "" if images is None else f" about {images:,} would be needed"
    if images is not None and images > MOST:
        need = f" more than {MOST:,} would be needed"
    if many:
        said = f"No method is shown to be {_best(what)} of {len(run.methods)} on {where}; {a} is ahead"
        told = row["verdict"] in ("better", "worse")  # from the second, though not from all
        return f"{said},{need} to tell it from {b}." if need and not told else f"{said}."
    said = f"{where} show no difference between {a} and {b}"
    said = f"{said} in {'faithfulness' if what == 'faithful' else 'localisation'}"
    if math.isnan(row["detectable"]):
        need = " so few could not have shown any"
    return f"{said};{need}." if need else f"{said}."


def _best(what: str) -> str:
    return "the most faithful" if what == "faithful" else "the best localised"


def _smoothness(run: Run, tables: Mapping[str, pd.DataFrame], row: Row) -> str:
    """What a lead in faithfulness is worth: smoother maps order pixels better, whatever they know."""
    pairs = tables.get("smoothness_pairs")
    if pairs is None:
        return ""
    own = pairs[
        pairs["metric"].eq(FAITHFULNESS)
        & pairs["role"].eq("right")
        & pairs["layer"].eq(run.layers[0])
        & pairs["method_a"].isin([row["method_a"], row["method_b"]])
        & pairs["method_b"].isin([row["method_a"], row["method_b"]])
    ]
    if own.empty:
        return ""
    same = own["method_a"].iloc[-1] == row["method_a"]
    turned = {"better": "worse", "worse": "better"}
    best = str(own["verdict"].iloc[-1])
    best = best if same else turned.get(best, best)
    return "" if best == row["verdict"] else ", perhaps only because its maps are smoother"


def _second(run: Run, card: list[Question], what: str, asked: Question, why: str) -> str:
    """Localisation beside faithfulness, then the controls, where they say more, and why a lead is not faithfulness."""
    said = []
    other = card[LOCALISED_PLACE]
    if what == "faithful" and other.winner:
        title = run.title(other.winner)
        said.append(f"{'It' if other.winner == asked.winner else title} is better localised.")
    controls = card[3]
    if controls.state == "open" and controls.answer == NONE_BEATS:
        who = "Neither method" if len(run.methods) == 2 else "None of the methods"
        said.append(f"{who} is shown to beat every control that was tried.")
    return " ".join(filter(None, [*said, why]))


def _single(run: Run, card: list[Question]) -> str:
    """Of a run whose methods cannot be compared."""
    where = _where(run, len(run.images))
    if len(run.methods) > 1:
        return f"{len(run.methods)} methods on {where}: nothing was measured that could compare them."
    title, controls = run.title(run.methods[0]), card[3]
    if controls.state == "shown":
        return f"{title} beats every control that was tried, on {where}."
    if controls.lines:
        return f"{title} is not shown to beat every control on {where}."
    return f"{title} on {where}: one method, nothing to compare."
