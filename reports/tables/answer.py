"""The answer of a run in one sentence, and what else is shown in a second one."""

import math
from collections.abc import Mapping

import pandas as pd

from reports.runs.run import Run
from reports.tables.by_method import NONE_BEATS
from reports.tables.leaders import FAITHFUL, Row, compared_pair
from reports.tables.needed import MOST, needed
from reports.tables.question import Question
from reports.text import label

FAITHFUL_PLACE, LOCALISED_PLACE = 0, 1


def answer(run: Run, tables: Mapping[str, pd.DataFrame], card: list[Question]) -> tuple[str, str]:
    """The heading of the report and a sentence below it, which may be empty.

    The heading says which method is more faithful, on what and on how many images; or that no difference is shown, and
    how many images would be needed. Where faithfulness was not measured it says so of localisation.
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
    return _heading(run, asked, row, what), _second(run, card, what, asked)


def _where(run: Run, images: int) -> str:
    return f"{images:,} image{'s' * (images != 1)} of {label(str(run.manifest['dataset']['name']), 40)}"


def _heading(run: Run, asked: Question, row: Row, what: str) -> str:
    a, b, where = run.title(row["method_a"]), run.title(row["method_b"]), _where(run, int(row["n"]))
    many = len(run.methods) > 2
    better = "more faithful" if what == "faithful" else "better localised"
    winner, loser = (a, b) if asked.winner == row["method_a"] else (b, a)
    if asked.state == "ahead":
        ahead = f"all {len(run.methods) - 1} other methods" if many else loser
        return f"{winner} is ahead of {ahead} on {where}, but not yet shown to be more faithful."
    if asked.state == "shown":
        if many:
            return f"{winner} is {_best(what)} of {len(run.methods)} methods on {where}."
        return f"{winner} is {better} than {loser} on {where}."
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


def _second(run: Run, card: list[Question], what: str, asked: Question) -> str:
    """Localisation beside faithfulness, then the controls, where they say more than the heading."""
    said = []
    other = card[LOCALISED_PLACE]
    if what == "faithful" and other.winner:
        title = run.title(other.winner)
        said.append(f"{'It' if other.winner == asked.winner else title} is better localised.")
    controls = card[3]
    if controls.state == "open" and controls.answer == NONE_BEATS:
        who = "Neither method" if len(run.methods) == 2 else "None of the methods"
        said.append(f"{who} is shown to beat every control that was tried.")
    return " ".join(said)


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
