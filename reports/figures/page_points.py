"""Charts of single images for the page: every dot is an image, and opens it in the gallery."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from reports.figures.inline import WIDTH, Scale, Svg, below, frame, reach
from reports.numbers import interval_text
from reports.runs.run import GAP, Run
from reports.tables.comparison import values_by_image
from reports.tables.wide import wide_scores

DOTS = 300  # of a chart
SPREAD = 26  # pixels that dots are moved up and down, beside one another


def difference_charts(
    run: Run, comparison: pd.DataFrame, pair: tuple[str, str], places: dict[str, int]
) -> Iterator[tuple[Markup, str]]:
    """Per headline metric at the first layer: the first minus the second method, image by image; with a caption.

    Args:
        run: the run.
        comparison: its table.
        pair: of methods.
        places: of the images in the gallery, by id.
    """
    first, second = pair
    own = comparison[comparison["family"].eq("headline") & comparison["n"].gt(1)]
    rows = {
        (row["role"], row["metric"]): row
        for row in own.to_dict("records")
        if {row["method_a"], row["method_b"]} == {first, second}
    }
    wides = {(role, metric): wide for layer, role, metric, wide, _ in values_by_image(run) if layer == run.layers[0]}
    for key, row in rows.items():
        if (wide := wides.get(key)) is not None and set(pair) <= set(wide):
            sign = 1 if row["method_a"] == first else -1
            yield _differences(run, row, sign, (wide[first] - wide[second]).dropna(), pair, places)


def _differences(
    run: Run, row: dict[str, Any], sign: int, values: "pd.Series[float]", pair: tuple[str, str], places: dict[str, int]
) -> tuple[Markup, str]:
    a, b = map(run.title, pair)
    low, high = sorted((sign * row["ci_low"], sign * row["ci_high"]))
    mean = sign * row["mean_difference"]
    of = "wrong minus right class" if row["role"] == GAP else f"{row['role']} class"
    said = f"{run.title(row['metric'])}, {of}: {a} minus {b} {interval_text(mean, low, high, row['n'])}"
    svg = Svg(WIDTH, 132, f"{said}, a dot per image")
    most = reach([*values, low, high])
    x, middle = Scale(-most, most, 12, WIDTH - 12), 44
    svg.line(x(0), 6, x(0), 84, "axis")
    for name, value in _some(values).items():
        _dot(
            svg,
            x(value),
            middle + _aside(len(values), name),
            places.get(str(name)),
            "c" if value > 0 else "d" if value < 0 else "e",
        )
    if not np.isnan(low):
        svg.line(x(low), middle, x(high), middle, "mean")
    svg.add("circle", cx=x(mean), cy=middle, r=5, cls="mean")
    below(svg, x, 84, "")
    svg.text(12, 126, f"← {b} higher")
    svg.text(WIDTH - 12, 126, f"{a} higher →", "end")
    better = {"higher": " Higher is better.", "lower": " Lower is better."}
    direction = better.get(run.manifest["metrics"].get(row["metric"], {}).get("direction", ""), "")
    return svg.markup(), f"{said}, {row['n']} images.{direction}"


def gap_charts(run: Run, methods: Sequence[str], places: dict[str, int]) -> Iterator[tuple[Markup, str]]:
    """Per method the scatter of the wrong against the right class's map at the first layer, with a caption."""
    for method in methods:
        wide = wide_scores(run, method, run.layers[0])
        names = ["scatter_right", "scatter_wrong"]
        if not set(names) <= set(wide):
            continue
        points = wide.dropna(subset=names)
        if len(points):
            yield _gap(run, method, points, places)


def _gap(run: Run, method: str, points: pd.DataFrame, places: dict[str, int]) -> tuple[Markup, str]:
    right, wrong = points["scatter_right"], points["scatter_wrong"]
    above = int((wrong > right).sum())
    said = f"{run.title(method)}: the map of the wrong class is more scattered on {above} of {len(points)} images"
    svg = Svg(WIDTH, 300, said)
    most = 1.06 * max(1.0, right.max(), wrong.max())
    x, y = Scale(0, most, 40, WIDTH - 12), Scale(0, most, 258, 22)
    frame(svg, x, y, "scatter of the right class's map", "scatter of the wrong class's map")
    svg.line(x(0), y(0), x(most), y(most), "axis")
    for name in _some(wrong - right).index:
        place = places.get(str(name))
        _dot(svg, x(right[name]), y(wrong[name]), place, "c" if wrong[name] > right[name] else "d")
    return svg.markup(), f"{said}, those above the line. 0 is one tight patch, 1 is as random cells."


def _dot(svg: Svg, x: float, y: float, place: int | None, side: str) -> None:
    """A dot; that of an image of the gallery knows its place there."""
    known: dict[str, Any] = {} if place is None else {"data_i": place}
    svg.add("circle", cx=x, cy=y, r=3.5, cls=f"dot {side}", **known)


def _some(values: "pd.Series[float]") -> "pd.Series[float]":
    """Of many values some, evenly over their order: the ends are among them."""
    if len(values) <= DOTS:
        return values
    order = values.sort_values(kind="stable")
    return order.iloc[np.unique(np.linspace(0, len(order) - 1, DOTS).round().astype(int))]


def _aside(count: int, name: object) -> float:
    """How far a dot is moved from the line: by the characters of its name, always the same."""
    if count < 3:
        return 0.0
    mixed = sum((place + 1) * ord(char) for place, char in enumerate(str(name)))
    return round(SPREAD * ((mixed * 0.6180339887) % 1 - 0.5), 1)
