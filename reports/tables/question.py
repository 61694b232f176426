"""A row of the scorecard: a question, its answer, and how sure it is."""

import math
from dataclasses import dataclass, field

from reports.runs.run import Run
from reports.tables.controls import NOT_TRIED
from reports.tables.leaders import FAITHFUL, Tables, chosen


@dataclass(frozen=True)
class Line:
    """A line of a forest plot: a name, a difference with its interval (NaN where there is none)."""

    name: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Question:
    """A row of the scorecard.

    Attributes:
        name: the question.
        meaning: what is measured, in a sentence.
        answer: in a few words.
        state: shown, ahead (a lead that may be something else), open (nothing is shown), mixed, or untried.
        lines: differences; 0 is no difference.
        sides: what left and right of 0 mean.
        n: images; None where nothing was measured.
        p: p-value in words.
        validated: whether the metric is.
        note: a sentence more; "" for none.
        winner: name of the method that is ahead; "" for none.
        share: of resamples, where that is the answer.
        asked: metric and role that answer it.
    """

    name: str
    meaning: str
    answer: str
    state: str
    lines: list[Line] = field(default_factory=list)
    sides: tuple[str, str] = ("", "")
    n: int | None = None
    p: str = ""
    validated: str = ""
    note: str = ""
    winner: str = ""
    share: float | None = None
    asked: tuple[str, str] = FAITHFUL


def validated_text(run: Run, tables: Tables, metric: str) -> str:
    """Of this run's own ladder of truths, where it has one; else what the manifest says of the metric."""
    if "validation" in tables:
        own = chosen(tables["validation"], metric=metric, role="right")
        if len(own):
            return f"{own['verdict'].iloc[0]}, in this run"
    known = run.manifest["metrics"].get(metric, {})
    return known.get("validated") or ("no: it ranks nothing" if known.get("direction") == "none" else NOT_TRIED)


def p_text(value: float, how: str) -> str:
    """A p-value and what it is of, in words."""
    if math.isnan(value):
        return "none"
    return f"{'below 0.001' if value < 0.001 else f'{value:.2g}'}, {how}"
