"""Forest plots of a line or a few, as small as a cell of a table."""

from collections.abc import Sequence

from markupsafe import Markup

from reports.figures.inline import Scale, Svg, number, reach, whisker
from reports.numbers import interval_text
from reports.tables.question import Line

CELL, STEP = 240, 22  # pixels: width, and height of a line
EDGE = 10


def forest_cell(lines: Sequence[Line], sides: tuple[str, str]) -> Markup:
    """Differences around 0, each a point with its interval; below them what left and right mean.

    Args:
        lines: at least one.
        sides: of 0: left and right.
    """
    said = "; ".join(f"{line.name} {interval_text(line.mean, line.low, line.high)}" for line in lines)
    svg = Svg(CELL, STEP * len(lines) + 32, f"{said}. Left of 0: {sides[0]}; right: {sides[1]}.")
    most = reach(value for line in lines for value in (line.mean, line.low, line.high))
    x, bottom = Scale(-most, most, EDGE, CELL - EDGE), STEP * len(lines) + 2
    svg.line(x(0), 0, x(0), bottom, "axis")
    for place, line in enumerate(lines):
        whisker(svg, x, STEP * (place + 0.5), (line.mean, line.low, line.high), str(place if len(lines) > 1 else 0))
    for value in (-most / 1.08, 0.0, most / 1.08):
        svg.line(x(value), bottom, x(value), bottom + 3, "axis")
    svg.line(EDGE, bottom, CELL - EDGE, bottom, "axis")
    svg.text(EDGE, bottom + 14, number(round(-most / 1.08, 3)))
    svg.text(CELL - EDGE, bottom + 14, number(round(most / 1.08, 3)), "end")
    svg.text(x(0), bottom + 14, "0", "middle")
    svg.text(2, bottom + 28, f"← {sides[0]}", cls="label side")
    svg.text(CELL - 2, bottom + 28, f"{sides[1]} →", "end", cls="label side")
    return svg.markup()


def share_cell(share: float) -> Markup:
    """A share as a bar; half is marked."""
    svg = Svg(CELL, 34, f"{100 * share:.0f} % of the resamples")
    x = Scale(0, 1, EDGE, CELL - EDGE)
    svg.add("rect", x=x(0), y=4, width=x(1) - x(0), height=12, cls="track")
    svg.add("rect", x=x(0), y=4, width=x(share) - x(0), height=12, cls="f0")
    svg.line(x(0.5), 1, x(0.5), 19, "axis")
    for value, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        svg.text(x(value), 31, f"{100 * value:.0f} %", anchor)
    return svg.markup()


def ranking_cell(values: Sequence[float], limits: tuple[float, float], cls: str) -> Markup:
    """A mean with its interval on a scale that all rows of a table share.

    Args:
        values: mean, low, high.
        limits: of the scale.
        cls: number of the colour.
    """
    svg = Svg(CELL, STEP, f"mean {interval_text(*values)}")
    x = Scale(*limits, EDGE, CELL - EDGE)
    if limits[0] < 0 < limits[1]:
        svg.line(x(0), 0, x(0), STEP, "axis")
    svg.line(EDGE, STEP - 1, CELL - EDGE, STEP - 1, "grid")
    whisker(svg, x, STEP / 2, values, cls)
    return svg.markup()


def ranking_scale(limits: tuple[float, float]) -> Markup:
    """The axis of `ranking_cell`, for the head of the table."""
    svg = Svg(CELL, 22, f"scale from {number(limits[0])} to {number(limits[1])}")
    x = Scale(*limits, EDGE, CELL - EDGE)
    svg.line(EDGE, 20, CELL - EDGE, 20, "axis")
    for value in x.ticks(5):
        svg.line(x(value), 16, x(value), 20, "axis")
        svg.text(x(value), 12, number(value), "middle")
    return svg.markup()
