"""The one look of all figures: colour-blind safe, readable at half width, the same bytes every time."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from reports.runs.run import Run

PALETTE = "colorblind"
BAR_COLOUR = "#0173b2"
ROLE_COLOURS = {"right": "#029e73", "wrong": "#d55e00", "present": "#949494"}
LEFT, RIGHT, GAP_X = 0.75, 0.15, 0.75  # inches beside the panels of a figure, and between them
LINE = 0.24  # inches that a line of a figure's title takes
SETTINGS = {
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # placing titles by what is around them takes half of the drawing time
    "figure.titlesize": 13,
    "figure.titleweight": "bold",
    "savefig.dpi": 110,
    "svg.hashsalt": "cambench",
    "text.parse_math": False,  # a dollar in a name is a dollar, never the beginning of a formula
    "svg.fonttype": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """Figures made inside share the style; matplotlib's own settings are as before on exit."""
    with sns.axes_style("whitegrid"), sns.plotting_context("notebook", font_scale=0.85), mpl.rc_context(SETTINGS):
        yield


def blank(**options: Any) -> Figure:
    """An empty figure that pyplot does not know of: its backend and the figures of whoever calls stay as they are."""
    figure = Figure(**options)
    FigureCanvasAgg(figure)
    return figure


def panels(
    rows: int, columns: int, width: float, height: float, title_lines: int = 1, header: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns axes of a size in inches, at fixed distances: searching a layout takes seconds.

    `title_lines` of a panel and `header` inches below the title of the figure are kept free.
    """
    more = 0.2 * (title_lines - 1)
    top, bottom, gap_y = 0.8 + more + header, 0.55, 0.85 + more
    total_x = panels_width(columns, width)
    total_y = top + bottom + rows * height + (rows - 1) * gap_y
    figure = blank(figsize=(total_x, total_y), layout="none")
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(
        left=LEFT / total_x,
        right=1 - RIGHT / total_x,
        top=1 - top / total_y,
        bottom=bottom / total_y,
        wspace=GAP_X / width,
        hspace=gap_y / height,
    )
    return figure, axes


def named_ticks(axis: Axis, places: Iterable[float], names: Sequence[str] = ()) -> None:
    """Ticks at these places of an axis and no others; what `set_ticks` does, which makes a tick for each at once."""
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter(names))


def panels_width(columns: int, width: float) -> float:
    """Inches that a figure of `panels` is wide."""
    return LEFT + RIGHT + columns * width + (columns - 1) * GAP_X


def header_for(text: str, width: float) -> float:
    """Inches that a title needs beyond the two lines that `panels` keeps free, in a figure of this width in inches."""
    return LINE * max(0, len(_lines(text, width)) - 2)


def finding(figure: Figure, text: str) -> None:
    """The title of a figure, broken where it would be too wide."""
    lines = _lines(text, figure.get_figwidth())
    figure.suptitle("\n".join(lines), ha="left", x=0.01, y=1 - 0.08 / figure.get_figheight())


def _lines(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, width=max(40, round(width * 8.5)))


def class_colours(run: Run) -> dict[str, tuple[float, float, float]]:
    """One colour per class, by its place in the alphabet, so that the order of the outputs changes no picture."""
    few = len(run.classes) <= len(sns.color_palette(PALETTE))
    return dict(zip(sorted(run.classes), sns.color_palette(PALETTE if few else "husl", len(run.classes)), strict=True))


def method_colours(run: Run) -> dict[str, tuple[float, float, float]]:
    """One colour per method, by its place in the run."""
    return dict(zip(run.methods, sns.color_palette(PALETTE, len(run.methods)), strict=True))
