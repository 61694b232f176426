"""The scorecard of a run: five questions, each with an answer, a difference and how sure it is."""

import pandas as pd

from reports.numbers import FEW
from reports.runs.run import Run
from reports.tables.by_method import beats_controls, follows, stable
from reports.tables.controls import NOT_TRIED
from reports.tables.findings import although
from reports.tables.leaders import FAITHFUL, Row, Tables, between, compared_pair, leaders
from reports.tables.needed import needed_text
from reports.tables.question import Line, Question, p_text, validated_text
from reports.tables.substrates import DECIDED, is_faithful

LOCALISED = (("energy_in_mask", "right"), ("own_animal_share", "present"), ("energy_in_face", "right"))


def scorecard(run: Run, tables: Tables) -> list[Question]:
    """The five questions at the first layer."""
    localised = next((asked for asked in LOCALISED if compared_pair(run, tables, *asked)), LOCALISED[0])
    faithful = (
        "Faithful?",
        "Do the pixels that the map marks first matter most to the network? SRG of the right class.",
        "no deletion and insertion curves: --protocols srg",
    )
    on_animal = (
        "Localised?",
        f"Does the map lie on the animal? {run.title(localised[0])}.",
        "no masks, or one method alone",
    )
    first = _compared(run, tables, FAITHFUL, *faithful)
    return [
        first,
        _compared(run, tables, localised, *on_animal),
        follows(run, tables),
        beats_controls(run, tables),
        stable(run, tables, first),
    ]


def _compared(run: Run, tables: Tables, asked: tuple[str, str], name: str, meaning: str, missing: str) -> Question:
    """A question that one difference between two methods answers."""
    row = compared_pair(run, tables, *asked)
    if row is None or not row["n"]:
        why = "one method: nothing to compare" if len(run.methods) < 2 else missing
        return Question(name, meaning, NOT_TRIED, "untried", note=f"{why.capitalize()}.")
    a, b = run.title(row["method_a"]), run.title(row["method_b"])
    winner = {"better": row["method_a"], "worse": row["method_b"]}.get(row["verdict"], "")
    answer, state, note = _judged(row, a, b)
    among, tied = _among(run, tables, asked)
    if state == "shown" and asked == FAITHFUL and (why := _doubt(run, tables, row)):
        answer, state, note = f"{answer} is ahead", "ahead", " ".join(filter(None, [note, why]))
    if tied and state in ("shown", "ahead"):
        answer, state, winner = f"{a} is ahead", "open", ""
    return Question(
        name,
        meaning,
        answer,
        state,
        [Line(f"{a} minus {b}", row["mean_difference"], row["ci_low"], row["ci_high"])],
        (f"{b} ahead", f"{a} ahead"),
        int(row["n"]),
        p_text(row["p_holm"], "Holm"),
        validated_text(run, tables, asked[0]),
        " ".join(filter(None, [note, among])),
        winner,
        asked=asked,
    )


def _judged(row: Row, a: str, b: str) -> tuple[str, str, str]:
    """Answer, state and note of a comparison of a with b."""
    why = although(pd.Series(row)).removeprefix("; ")
    note = f"{why[:1].upper()}{why[1:]}." if why else ""
    if row["verdict"] in ("better", "worse"):
        return (a if row["verdict"] == "better" else b), "shown", note
    if row["verdict"] == "mixed":
        more = a if row["rank_biserial"] > 0 else b
        return "mixed", "mixed", f"{more} is ahead on most images, a few large differences decide the mean."
    if row["n"] < FEW:
        return "too few images", "open", f"Fewer than {FEW} images: no interval and no verdict."
    return "no difference shown", "open", " ".join(filter(None, [needed_text(row), note]))


def _doubt(run: Run, tables: Tables, row: Row) -> str:
    """Why a lead in SRG may not be called faithfulness; "" where it may."""
    first, second = sorted((row["method_a"], row["method_b"]), key=run.methods.index)
    lead = DECIDED[row["verdict"]] * (1 if first == row["method_a"] else -1)
    holds, why = is_faithful(run, tables.get("substrates"), lead, first, second)
    return "" if holds else why


def _among(run: Run, tables: Tables, asked: tuple[str, str]) -> tuple[str, int]:
    """Of more than two methods what the best one is shown to beat, and how many cannot be told from it."""
    pair = leaders(run, tables, *asked)
    if pair is None or len(run.methods) < 3:
        return "", 0
    best = pair[0]
    rows = [between(run, tables, best, other, *asked) for other in run.methods if other != best]
    known = [row["verdict"] for row in rows if row is not None]
    tied = sum(verdict != "better" for verdict in known)
    beaten = len(known) - tied
    said = f"{run.title(best)} is best of {len(run.methods)} and is shown to beat {beaten}"
    return (f"{said}; {tied} cannot be told from it." if tied else f"{said}, all others."), tied
