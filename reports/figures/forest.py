"""Forest plots of a study: a line per network, the mean over networks as a diamond, and what a new one may do."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from metrics.statistics.comparison import ALPHA
from reports.figures.style import BAR_COLOUR, PALETTE, finding, panels
from reports.numbers import interval_text
from reports.tables.study import ALL, Answer
from reports.text import shortened

NAME, NUMBERS = 2.3, 2.7  # inches beside the plot: names, and means with intervals
MARKERS = "sD^v<>Pp*X"
POOLED = "#d55e00"


def forest_figure(answer: Answer, axis_label: str) -> Figure:
    """The forest plot of one question.

    Args:
        answer: to the question.
        axis_label: what the values are.
    """
    own = answer.networks[answer.networks["data"].eq(ALL)]
    several = len(answer.networks) > len(own)
    figure, axes = panels(1, 1, 5.2, 0.34 * (len(own) + 2) + 0.2, header=0.2 if several else -0.15)
    width = 5.2 + NAME + NUMBERS
    figure.set_figwidth(width)
    figure.subplots_adjust(left=NAME / width, right=1 - NUMBERS / width)
    axis = axes[0, 0]
    axis.axvline(0, color="0.3", linewidth=1)
    for place, row in enumerate(own.to_dict("records")):
        axis.plot([row["ci_low"], row["ci_high"]], [place, place], color=BAR_COLOUR, linewidth=2)
        axis.plot(row["mean"], place, "o", color=BAR_COLOUR, markersize=6)
        numbers = interval_text(row["mean"], row["ci_low"], row["ci_high"], row["n"])
        _beside(axis, place, f"{numbers}  n = {row['n']}")
    names = [shortened(str(name), 30) for name in own["network"]]
    _data_sets(axis, answer, list(own["network"]))
    names += _pooled(axis, answer, len(own))
    axis.set_yticks(range(len(names)), names)
    axis.set(ylim=(len(own) + 1.6, -0.6), xlabel=axis_label)
    axis.grid(axis="y", visible=False)
    verdict = "nothing can be said of others" if answer.verdict == "undefined" else answer.verdict
    finding(figure, f"{axis_label.partition(';')[0]}: {verdict}, {answer.found.networks} networks")
    return figure


def _pooled(axis: Axes, answer: Answer, count: int) -> list[str]:
    """Diamond and prediction interval below the networks; their names, of which there are none without a statement."""
    over = answer.found
    if answer.verdict == "undefined":
        return []
    low, high = over.interval(answer.level)
    corners = [(low, count), (over.mean.mean, count - 0.28), (high, count), (over.mean.mean, count + 0.28)]
    axis.add_patch(Polygon(corners, closed=True, color=POOLED, zorder=3))
    least, most = over.prediction(answer.level)
    axis.plot([least, most], [count + 1, count + 1], color=POOLED, linewidth=1)
    axis.plot([least, most], [count + 1, count + 1], "|", color=POOLED, markersize=7)
    axis.autoscale_view()
    _beside(axis, count, f"{over.mean.mean:.3f} [{low:.3f}, {high:.3f}]")
    _beside(axis, count + 1, f"[{least:.3f}, {most:.3f}]")
    level = 100 * (1 - answer.level)
    axis.axhline(count - 0.5, color="0.8", linewidth=0.8)
    own = f" ({level:.1f} %)" if answer.level < ALPHA else " (95 %)"
    return [f"mean{own}", f"a new network{own}"]


def _data_sets(axis: Axes, answer: Answer, order: list[str]) -> None:
    """The means of single data sets, small, where there are several."""
    parts = answer.networks[answer.networks["data"].ne(ALL)]
    names = list(dict.fromkeys(parts["data"]))
    for number, (name, colour) in enumerate(zip(names, sns.color_palette(PALETTE, len(names)), strict=True)):
        mine = parts[parts["data"].eq(name)]
        places = np.array([order.index(network) for network in mine["network"]]) + 0.22
        marker = MARKERS[number % len(MARKERS)]
        axis.plot(mine["mean"], places, marker, color=colour, markersize=3.5, label=shortened(str(name), 30))
    if names:
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize="x-small", frameon=False)


def _beside(axis: Axes, place: float, text: str) -> None:
    axis.text(1.02, place, text, transform=axis.get_yaxis_transform(), va="center", fontsize="small")
