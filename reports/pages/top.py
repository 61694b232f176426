"""What a reader sees first: the answer, the scorecard, a ranking of many methods, and four figures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports.figures.forest_cells import forest_cell, ranking_cell, ranking_scale, share_cell
from reports.figures.inline import COLOURS
from reports.figures.page_controls import control_chart
from reports.figures.page_curves import curve_charts
from reports.figures.page_points import difference_charts, gap_charts
from reports.numbers import FEW, interval_text
from reports.runs.run import Run
from reports.tables.answer import answer
from reports.tables.leaders import FAITHFUL, Tables, leaders
from reports.tables.question import Line, Question
from reports.tables.ranking import ASKED
from reports.tables.scorecard import scorecard

BADGES = ("shown",)  # states that an answer does not say itself


def order_of(run: Run, tables: Tables) -> list[str]:
    """The methods, those first that the page compares: both of two, of more the best ones."""
    ranked = [str(name) for name in _faithful(tables["ranking"])["method"]] if len(run.methods) > 2 else []
    return list(dict.fromkeys([*ranked, *run.methods]))


def top(run: Run, tables: Tables, places: Mapping[str, int]) -> dict[str, Any]:
    """What the head of the page shows.

    Args:
        run: the run.
        tables: its tables.
        places: of the images in the gallery, by id.
    """
    card = scorecard(run, tables)
    heading, second = answer(run, tables, card)
    order = order_of(run, tables)
    return {
        "answer": heading,
        "second": second,
        "card": [_row(question) for question in card],
        "ranking": _ranking(run, tables["ranking"]) if len(run.methods) > 2 else None,
        "charts": list(_sections(run, tables, order, dict(places))),
        "keys": [(place, run.title(name)) for place, name in enumerate(order[:COLOURS])],
        "layer": run.layers[0],
        "layers": len(run.layers),
    }


def _row(question: Question) -> dict[str, Any]:
    """A row of the scorecard as the template shows it."""
    plot: Markup | str = ""
    if question.share is not None:
        plot = share_cell(question.share)
    elif question.lines:
        plot = forest_cell(question.lines, question.sides)
    numbers = [
        (line.name, _interval(line, question.n), str(place) if several else "0")
        for several in [len(question.lines) > 1]
        for place, line in enumerate(question.lines)
    ]
    return {
        "question": question,
        "plot": plot,
        "numbers": numbers,
        "badge": question.state if question.state in BADGES else "",
        "n": "none" if question.n is None else f"{question.n:,}",
        "p": question.p or "none",
        "validated": question.validated or "not tried",
    }


def _interval(line: Line, images: int | None) -> str:
    """Mean and interval, or why there is none, without brackets inside brackets."""
    if not math.isnan(line.low):
        return interval_text(line.mean, line.low, line.high)
    few = f"n < {FEW}" if images is not None and images < FEW else "too few images differ"
    return f"{interval_text(line.mean, line.low, line.high)}; no interval, {few}"


def _faithful(ranking: pd.DataFrame) -> pd.DataFrame:
    """The ranking by the first question that has one."""
    for metric, role in ASKED:
        own = ranking[ranking["metric"].eq(metric) & ranking["role"].eq(role)]
        if len(own):
            return own
    return ranking


def _ranking(run: Run, ranking: pd.DataFrame) -> dict[str, Any] | None:
    """A row per method: place, mean, interval, and how firm the place is."""
    own = _faithful(ranking)
    if own.empty:
        return None
    low, high = (
        float(own[["mean", name]].min().min()) if name == "ci_low" else float(own[["mean", name]].max().max())
        for name in ("ci_low", "ci_high")
    )
    room = 0.05 * (high - low or 1)
    limits = (low - room, high + room)
    rows = [
        {
            "rank": int(row["rank"]),
            "method": run.title(row["method"]),
            "plot": ranking_cell(
                (row["mean"], row["ci_low"], row["ci_high"]), limits, "0" if row["rank"] == 1 else "9"
            ),
            "mean": interval_text(row["mean"], row["ci_low"], row["ci_high"], row["n"]),
            "ranks": "too few images" if pd.isna(row["first"]) else _places(row["rank_low"], row["rank_high"]),
            "first": "too few images" if pd.isna(row["first"]) else f"{100 * row['first']:.0f} %",
        }
        for row in own.to_dict("records")
    ]
    first = own.iloc[0]
    title = run.title(str(first["metric"]))
    return {"title": title, "role": first["role"], "n": int(first["n"]), "rows": rows, "scale": ranking_scale(limits)}


def _places(low: float, high: float) -> str:
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def _sections(
    run: Run, tables: Tables, order: Sequence[str], places: dict[str, int]
) -> Iterator[tuple[str, str, list[tuple[Markup, str]]]]:
    """Heading, a sentence and charts of every figure that this run has numbers for."""
    curves = list(curve_charts(run, order[:COLOURS]))
    if curves:
        yield "curves", "What happens when pixels go or come", curves
    pair = leaders(run, tables, *FAITHFUL) or (tuple(order[:2]) if len(order) > 1 else None)
    if pair is not None and len(charts := list(difference_charts(run, tables["comparison"], pair, places))):  # type: ignore[arg-type]
        yield "differences", "Image by image: a dot is an image, click opens it", charts
    if charts := list(gap_charts(run, order[:2], places)):
        yield "classes", "Right against wrong class: a dot is an image, click opens it", charts
    controls = [control_chart(run, tables["summary"], *asked) for asked in ASKED]
    if charts := [chart for chart in controls if chart is not None]:
        yield "levels", "Methods and controls on one scale", charts
