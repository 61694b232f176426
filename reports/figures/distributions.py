"""How every metric is distributed over the images, and right against wrong dispersion image by image."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports.figures.style import ROLE_COLOURS, class_colours, finding, named_ticks, panels
from reports.numbers import interval_text
from reports.runs.run import ROLES, Run
from reports.tables.wide import wide_scores
from reports.text import label as as_label

BOX_WIDTH = 0.8  # of all boxes of a method
MANY = 300  # points of a box, or of a panel in vectors
LEGEND_COLUMNS, CLASS = 4, 20  # and characters of a class in it


def distribution_figures(run: Run) -> Iterator[tuple[str, Figure]]:
    """Per family of metrics a figure: rows are metrics, columns layers; boxes per method and role."""
    families: dict[str, list[str]] = {}
    measured = set(run.scores.loc[run.scores["value"].notna(), "metric"].unique())
    for name, metric in run.manifest["metrics"].items():
        if name in measured and not name.endswith("_error"):
            families.setdefault(metric["family"], []).append(name)
    for family, names in families.items():
        yield f"distribution_{family}", _family(run, family, names)


def _family(run: Run, family: str, names: list[str]) -> Figure:
    figure, axes = panels(len(names), len(run.layers), 4.0, 1.9, header=0.3)
    roles: set[str] = set()
    for row, name in zip(axes, names, strict=True):
        for axis, layer in zip(row, run.layers, strict=True):
            found = _values(run, layer, name)
            roles |= set(found)
            _boxes(axis, run, found, hits=all(_hits(run, layer, role, name) for role in found))
            better = {"higher": ", higher is better", "lower": ", lower is better"}
            direction = better.get(run.manifest["metrics"][name]["direction"], "")
            axis.set_title(f"{run.title(name)}, {as_label(layer)}{direction}")
            axis.set(xlabel="", ylabel=as_label(run.manifest["metrics"][name]["unit"]))
        limits = [axis.get_ylim() for axis in row]
        for axis in row:
            axis.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    _one_legend(figure, roles)
    finding(figure, f"{as_label(family).capitalize()} metrics: one value per image; box: quartiles, line: median")
    return figure


def _values(run: Run, layer: str, metric: str) -> dict[str, dict[str, np.ndarray]]:
    """Defined values by image, by role and method: of an image's several maps the mean over those that have one."""
    found = {}
    for role in ROLES:
        if (layer, role, metric) not in run.values:
            continue
        table = run.values.table(layer, role, metric)
        own = {method: table.values[:, place] for place, method in enumerate(table.methods)}
        if role == "present":
            maps = run.values.rows((layer, role, metric)).groupby(["method", "image_id"], observed=True)["value"].mean()
            own = {str(method): values.to_numpy() for method, values in maps.groupby("method", observed=True)}
        defined = {method: own[method][~np.isnan(own[method])] for method in run.methods if method in own}
        if any(map(len, defined.values())):
            found[role] = {method: values for method, values in defined.items() if len(values)}
    return found


def _hits(run: Run, layer: str, role: str, metric: str) -> bool:
    """Whether all values are 0 and 1; of the maps, whose mean over an image may be neither."""
    rows = run.values.rows((layer, role, metric))
    values = rows.loc[rows["method"].isin(run.methods), "value"]
    return bool((values.isin([0.0, 1.0]) | values.isna()).all())


def _boxes(axis: Axes, run: Run, found: dict[str, dict[str, np.ndarray]], *, hits: bool) -> None:
    """Of hits bars of their means: a box of zeros and ones shows nothing."""
    if not found:
        axis.text(0.5, 0.5, "undefined on every image", ha="center", va="center", transform=axis.transAxes)
        return
    width = BOX_WIDTH / len(found)
    for number, (role, own) in enumerate(found.items()):
        left = width * (number + 0.5) - BOX_WIDTH / 2
        columns = [(run.methods.index(method) + left, values) for method, values in own.items()]
        if hits:
            heights = [values.mean() for _, values in columns]
            axis.bar([place for place, _ in columns], heights, width * 0.9, color=ROLE_COLOURS[role], alpha=0.7)
        else:
            _columns(axis, columns, width, ROLE_COLOURS[role])
    named_ticks(axis.xaxis, range(len(run.methods)), list(map(run.title, run.methods)))
    axis.set_xlim(-0.5, len(run.methods) - 0.5)
    axis.grid(visible=False, axis="x")
    if hits:
        axis.set_ylim(0, 1)


def _columns(axis: Axes, columns: list[tuple[float, np.ndarray]], width: float, colour: str) -> None:
    """Boxes and points of one role: all boxes are one broken line and all points one, which draws fast."""
    lines = [_box(values, place, width * 0.9) for place, values in columns]
    axis.plot(*np.concatenate(lines, axis=1), color=colour, linewidth=1.3, scalex=False)
    places = [
        place + np.random.default_rng(0).uniform(-0.3, 0.3, len(values)) * width  # beside one another
        for place, values in columns
    ]
    points = np.concatenate(places), np.concatenate([values for _, values in columns])
    many = max(len(values) for _, values in columns) > MANY
    axis.plot(
        *points, "o", markersize=(3 if many else 7) ** 0.5, markeredgewidth=0, alpha=0.4, color=colour,
        rasterized=len(points[0]) > MANY, scalex=False,
    )  # fmt: skip


def _box(values: np.ndarray, place: float, width: float) -> np.ndarray:
    """A box of quartiles with its median, and whiskers to the last value within 1.5 times its height; (2, points)."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    reach = 1.5 * (high - low)
    bottom, top = values[values >= low - reach].min(), values[values <= high + reach].max()
    left, right, inner, outer = (place + share * width for share in (-0.5, 0.5, -0.25, 0.25))
    gap = (np.nan, np.nan)
    path = [
        (left, low), (right, low), (right, high), (left, high), (left, low), gap,
        (left, middle), (right, middle), gap,
        (place, low), (place, min(bottom, low)), gap, (inner, min(bottom, low)), (outer, min(bottom, low)), gap,
        (place, high), (place, max(top, high)), gap, (inner, max(top, high)), (outer, max(top, high)), gap,
    ]  # fmt: skip
    return np.array(path).T


def _one_legend(figure: Figure, roles: set[str]) -> None:
    """One legend above the panels instead of one over the points of each."""
    handles = [Patch(color=colour, label=role) for role, colour in ROLE_COLOURS.items() if role in roles]
    place = (1 - 0.1 / figure.get_figwidth(), 1 - 0.45 / figure.get_figheight())  # below a title of two lines
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=place, ncols=len(handles))


def gap_figure(run: Run, gaps: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Scatter of the wrong against the right class's map, a point per image, a panel per method and layer."""
    scattered = gaps[gaps["statistic"] == "scatter"]
    if scattered.empty:
        return
    many = len(run.classes) > 2  # whose legend would hide the points
    rows_of_legend = math.ceil(len(run.classes) / LEGEND_COLUMNS) if many else 0
    figure, axes = panels(len(run.layers), len(run.methods), 3.1, 3.1, title_lines=3, header=0.25 * rows_of_legend)
    for row, layer in zip(axes, run.layers, strict=True):
        for axis, method in zip(row, run.methods, strict=True):
            _gap_panel(axis, run, scattered, method, layer)
    limit = max(axis.dataLim.x1 for axis in axes.flat), max(axis.dataLim.y1 for axis in axes.flat)
    for axis in axes.flat:
        axis.set(xlim=(0, 1.05 * max(1, *limit)), ylim=(0, 1.05 * max(1, *limit)))
    if many:
        colours = class_colours(run).items()
        handles = [Patch(color=colour, label=f"{as_label(name, CLASS)} images") for name, colour in colours]
        place = (0.01, 1 - 0.4 / figure.get_figheight())
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=place, ncols=LEGEND_COLUMNS, fontsize="small")
    finding(figure, "Above the line the wrong-class map is the more scattered one; 1 (dotted) is as random cells")
    yield "scatter_right_wrong", figure


def _gap_panel(axis: Axes, run: Run, gaps: pd.DataFrame, method: str, layer: str) -> None:
    axis.axline((0, 0), slope=1, color="0.5", linewidth=1, linestyle="--")
    axis.axhline(1, color="0.7", linewidth=0.8, linestyle=":")
    axis.axvline(1, color="0.7", linewidth=0.8, linestyle=":")
    axis.set(xlabel="scatter, right class", ylabel="scatter, wrong class")
    axis.set_aspect("equal")
    own = gaps[(gaps["method"] == method) & (gaps["layer"] == layer)]
    if own.empty:
        axis.set_title(f"{run.title(method)}, {as_label(layer)}\nnot measured")
        return
    points = wide_scores(run, method, layer).dropna(subset=["scatter_right", "scatter_wrong"])
    colours = class_colours(run)
    for label, group in points.groupby("label"):
        axis.plot(
            group["scatter_right"],
            group["scatter_wrong"],
            "o",
            markersize=3.7,
            alpha=0.7,
            color=colours[str(label)],
            label=f"{as_label(str(label))} images",
            rasterized=len(group) > MANY,
        )
    headline = own[own["stratum"] == "balanced"] if "balanced" in set(own["stratum"]) else own.head(1)
    first = headline.iloc[0]
    gap = interval_text(first["gap"], first["ci_low"], first["ci_high"])
    undefined = f", {first['n_undefined']:.0f} with too few cells left out" if first["n_undefined"] else ""
    axis.set_title(
        f"{run.title(method)}, {as_label(layer)}\ngap {gap}\nn = {first['n']:.0f}{undefined}", fontsize="medium"
    )
    if len(points) and len(run.classes) == 2:
        axis.legend(loc="upper left", fontsize="small", frameon=True)
