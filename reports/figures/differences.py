"""Figures of the comparison: every paired difference, agreement of images, agreement of metrics."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.style import BAR_COLOUR, blank, finding, named_ticks, panels
from reports.numbers import interval_text
from reports.runs.run import GAP, Run
from reports.tables.comparison import values_by_image

REFERENCES = ("control_", "truth")  # named as methods they are in every table, but need no figure for every pair
PAIRS, DRAWN = 6, 3  # pairs up to which each is drawn, and of more those of the first method that are
MANY = 300  # points in vectors
LETTER = 0.075  # inches that a letter of a tick takes, at most
DARK = 0.6  # from which rho on a cell is dark
HALF = 0.38  # height of a cloud above its line


def difference_figures(run: Run, comparison: pd.DataFrame, *, every: bool = False) -> Iterator[tuple[str, Figure]]:
    """Per pair of methods the headline metrics at the first layer: cloud, points, mean and interval of a - b.

    Of more than six pairs only the first three, which the order of the methods decides, unless `every` is wanted.
    """
    headline = comparison[comparison["family"].eq("headline") & comparison["n"].gt(1)]
    wides = {(role, metric): wide for layer, role, metric, wide, _ in values_by_image(run) if layer == run.layers[0]}
    pairs = [
        (str(first), str(second), rows)
        for (first, second), rows in headline.groupby(["method_a", "method_b"], sort=False)
        if not str(first).startswith(REFERENCES) and not str(second).startswith(REFERENCES)
    ]
    few = every or len(pairs) <= PAIRS
    others = "" if few else f"; the other {len(pairs) - DRAWN} pairs are in the table comparison"
    for first, second, rows in pairs if few else pairs[:DRAWN]:
        a, b = run.title(first), run.title(second)
        figure, axes = panels(len(rows), 1, 7.2, 0.9)
        for axis, row in zip(axes[:, 0], rows.to_dict("records"), strict=True):
            wide = wides[str(row["role"]), str(row["metric"])]
            _raincloud(axis, (wide[first] - wide[second]).dropna().to_numpy(), run.seed)
            low, high = row["ci_low"], row["ci_high"]
            axis.plot([low, high], [0, 0], color="black", linewidth=2.5, solid_capstyle="butt")
            axis.plot(row["mean_difference"], 0, "o", color="black", markersize=6)
            said = row["verdict"] if row["verdict"] == "no difference shown" else f"{a} {row['verdict']}"
            numbers = interval_text(row["mean_difference"], low, high, row["n"])
            role = "" if row["role"] == GAP else f", {row['role']} class"
            axis.set_title(f"{run.title(row['metric'])}{role}: {said}, {numbers}, n = {row['n']}")
        finding(
            figure,
            f"{a} minus {b}, image by image; right of the line {a} is higher (mean; 95 % intervals of all together)"
            + others,
        )
        yield f"differences_{first}_{second}", figure


def reliability_figure(run: Run, reliability: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Krippendorff's alpha of every metric at the first layer, right class."""
    own = reliability[reliability["layer"].eq(run.layers[0]) & reliability["role"].eq("right")].dropna(subset="alpha")
    if own.empty:
        return
    own = own.sort_values("alpha", kind="stable")
    figure, axes = panels(1, 1, 5.2, 0.28 * len(own) + 0.4)
    figure.subplots_adjust(left=0.36)
    axis = axes[0, 0]
    axis.barh([run.title(metric) for metric in own["metric"]], own["alpha"], color=BAR_COLOUR)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set(xlim=(min(-0.1, own["alpha"].min()), 1), xlabel="Krippendorff's alpha: 1 full agreement, 0 chance")
    best = own.iloc[-1]
    rivals = "methods and controls" if run.controls else "methods"
    finding(figure, f"Images agree most on the order of {rivals} by {run.title(best['metric'])} ({best['alpha']:.2f})")
    yield "reliability", figure


def correlation_figure(run: Run, correlation: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Spearman's rho between metrics over images, first layer, right class."""
    own = correlation[correlation["layer"].eq(run.layers[0]) & correlation["role"].eq("right")].dropna(
        subset="spearman"
    )
    if own.empty:
        return
    names = [name for name in run.manifest["metrics"] if name in {*own["metric"], *own["other_metric"]}]
    grid = pd.DataFrame(np.nan, index=names, columns=names)
    for row in own.to_dict("records"):
        grid.loc[row["metric"], row["other_metric"]] = grid.loc[row["other_metric"], row["metric"]] = row["spearman"]
    titles = [run.title(name) for name in names]
    cells, margin = 0.48 * len(names) + 0.3, 0.3 + LETTER * max(map(len, titles))
    width, height = max(margin + cells + 1.2, 7.2), margin + cells + 0.5
    figure = blank(figsize=(width, height), layout="none")
    axis = figure.add_axes((margin / width, margin / height, cells / width, cells / height))
    mesh = axis.pcolormesh(grid.to_numpy(), vmin=-1, vmax=1, cmap="vlag")
    axis.set_ylim(len(names), 0)
    axis.grid(visible=False)
    for side in (axis.xaxis, axis.yaxis):
        named_ticks(side, np.arange(len(names)) + 0.5, titles)
    axis.tick_params(axis="x", labelrotation=90)
    for (row, column), rho in np.ndenumerate(grid.to_numpy()) if len(names) <= 20 else ():
        if not np.isnan(rho):
            dark = abs(rho) > DARK
            axis.text(
                column + 0.5, row + 0.5, f"{rho:.1f}", ha="center", va="center", size=7, color="w" if dark else ".15"
            )
    left, bottom, tall = margin + cells + 0.2, margin + 0.2 * cells, 0.6 * cells
    scale = figure.add_axes((left / width, bottom / height, 0.15 / width, tall / height))
    figure.colorbar(mesh, cax=scale, label="Spearman's rho over images")
    finding(figure, "Do the metrics agree? Each is turned so that higher is better")
    yield "metric_correlation", figure


def _raincloud(axis: Axes, values: np.ndarray, seed: int) -> None:
    """Density above the line, every image below it."""
    below = -HALF * (0.3 + 0.6 * np.random.default_rng(seed).random(len(values)))
    many = len(values) > MANY  # so many points are a picture
    axis.plot(values, below, "o", markersize=5**0.5, markeredgewidth=0, alpha=0.45, color=BAR_COLOUR, rasterized=many)
    if np.ptp(values) > 0:
        cloud = axis.violinplot(values, positions=[0.12], orientation="horizontal", widths=2 * HALF, showextrema=False)
        for body in cloud["bodies"]:  # type: ignore[attr-defined]
            vertices = body.get_paths()[0].vertices
            vertices[:, 1] = vertices[:, 1].clip(0.12)
            body.set(facecolor=BAR_COLOUR, alpha=0.35)
    axis.axvline(0, color="0.3", linewidth=1, linestyle="--")
    named_ticks(axis.yaxis, ())
    axis.set(ylim=(-HALF - 0.05, HALF + 0.2))
