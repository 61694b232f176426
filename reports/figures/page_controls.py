"""Methods and controls by their means on one scale, as a small chart for the page."""

import math
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports.figures.inline import WIDTH, Scale, Svg, below, whisker
from reports.numbers import interval_text
from reports.runs.run import Run
from reports.text import shortened

ROW, NAMES, LETTERS = 20, 132, 18  # pixels of a row and of the names, characters of a name
MOST = 6  # methods, the best ones


def control_chart(run: Run, summary: pd.DataFrame, metric: str, role: str) -> tuple[Markup, str] | None:
    """Means with 95 % intervals of the methods and of the controls that were tried, the best first; None for none.

    Of many methods the best few.
    """
    own = summary[summary["metric"].eq(metric) & summary["role"].eq(role) & summary["layer"].eq(run.layers[0])]
    own = own[own["mean"].notna()]
    if own.empty:
        return None
    lower = run.manifest["metrics"][metric]["direction"] == "lower"
    own = own.sort_values("mean", ascending=lower, kind="stable")
    few = own[own["method"].isin(run.methods)].head(MOST)
    rows = own[own["method"].isin([*few["method"], *run.controls])].to_dict("records")
    title = run.title(metric)
    best = rows[0]
    said = f"{title} of the {role} class. Best: {run.title(best['method'])}, {_interval(best)}"
    svg = Svg(WIDTH, ROW * len(rows) + 46, said)
    values = [value for row in rows for value in _interval_of(row) if not math.isnan(value)]
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.04 * (high - low or 1)
    x = Scale(low - room, high + room, NAMES + 6, WIDTH - 10)
    svg.line(x(0), 0, x(0), ROW * len(rows) + 4, "axis")
    for place, row in enumerate(rows):
        middle = ROW * (place + 0.5) + 2
        control = row["method"] in run.controls
        svg.text(
            NAMES, middle + 4, shortened(run.title(row["method"]), LETTERS), "end", "label" if control else "label own"
        )
        whisker(svg, x, middle, _interval_of(row), "9" if control else "0")
    below(svg, x, ROW * len(rows) + 4, "")
    controls = any(row["method"] in run.controls for row in rows)
    return svg.markup(), f"{said}.{' Grey: controls, which no network made.' if controls else ''}"


def _interval_of(row: dict[str, Any]) -> tuple[float, float, float]:
    return row["mean"], row["ci_low"], row["ci_high"]


def _interval(row: dict[str, Any]) -> str:
    return interval_text(*_interval_of(row), row["n"])
