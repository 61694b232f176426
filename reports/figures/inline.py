"""Small charts as SVG inside a page: their colours are the page's, so that they follow its light and dark looks.

A chart is as wide as a phone and is never stretched; the page puts several beside one another where there is room.
Everything is drawn with classes and presentation attributes: a page's policy forbids styles of elements.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

COLOURS = 6  # classes c0 to c5 of the page
WIDTH = 352  # of a chart, in pixels


@dataclass(frozen=True)
class Scale:
    """Values from low to high on pixels from start to end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        span = self.high - self.low or 1.0
        return round(self.start + (self.end - self.start) * (float(value) - self.low) / span, 1)

    def ticks(self, count: int = 4) -> list[float]:
        """At most about so many round values inside."""
        values = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(value) for value in values if self.low - 1e-12 <= value <= self.high + 1e-12]


class Svg:
    """A chart that grows element by element.

    Args:
        width: in pixels.
        height: in pixels.
        label: what it shows, in words, for whoever cannot see it.
    """

    def __init__(self, width: float, height: float, label: str) -> None:
        self._head = Markup('<svg class="chart" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}">').format(
            w=f"{width:g}", h=f"{height:g}"
        ) + Markup("<title>{}</title>").format(label)
        self._parts: list[str] = []

    def add(self, element: str, text: str | None = None, **attributes: object) -> None:
        """An element; `cls` is its class, underscores of names are hyphens."""
        names = {("class" if name == "cls" else name.replace("_", "-")): value for name, value in attributes.items()}
        inside = " ".join(f'{name}="{escape(str(value))}"' for name, value in names.items())
        self._parts.append(
            f"<{element} {inside}/>" if text is None else f"<{element} {inside}>{escape(text)}</{element}>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, cls: str) -> None:
        """A straight line."""
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, cls=cls)

    def text(self, x: float, y: float, text: str, anchor: str = "start", cls: str = "label") -> None:
        """A line of text."""
        self.add("text", text, x=x, y=y, text_anchor=anchor, cls=cls)

    def path(self, points: Iterable[tuple[float, float]], cls: str, *, closed: bool = False) -> None:
        """A line through points, or an area inside them."""
        joined = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.add("polygon" if closed else "polyline", points=joined, cls=cls)

    def markup(self) -> Markup:
        """The whole; every part was escaped when it was added."""
        return Markup(f"{self._head}{''.join(self._parts)}</svg>")


def frame(svg: Svg, x: Scale, y: Scale, x_label: str, y_label: str = "") -> None:
    """Grid, ticks and names of both axes; y grows upwards."""
    for value in y.ticks():
        svg.line(x.start, y(value), x.end, y(value), "grid")
        svg.text(x.start - 5, y(value) + 4, number(value), "end")
    below(svg, x, max(y.start, y.end), x_label)
    if y_label:
        svg.text(4, min(y.start, y.end) - 7, y_label)


def below(svg: Svg, x: Scale, bottom: float, label: str) -> None:
    """Ticks of an x axis and its name."""
    svg.line(x.start, bottom, x.end, bottom, "axis")
    for value in x.ticks():
        svg.line(x(value), bottom, x(value), bottom + 4, "axis")
        svg.text(x(value), bottom + 16, number(value), "middle")
    if label:
        svg.text((x.start + x.end) / 2, bottom + 32, label, "middle")


def number(value: float) -> str:
    """A tick: as few digits as it takes."""
    return f"{value + 0.0:.6g}"


def whisker(svg: Svg, x: Scale, y: float, values: Sequence[float], cls: str) -> None:
    """A mean with its interval on a line of a forest plot; the point alone where there is no interval."""
    mean, low, high = values
    if np.isnan(mean):
        return
    if not np.isnan(low):
        svg.line(x(low), y, x(high), y, f"whisker s{cls}")
    svg.add("circle", cx=x(mean), cy=y, r=4.5, cls=f"f{cls}")


def reach(values: Iterable[float], least: float = 1e-6) -> float:
    """The largest distance from 0, with room."""
    known = np.array([value for value in values if not np.isnan(value)])
    return 1.08 * max(least, float(np.abs(known).max(initial=0)))
