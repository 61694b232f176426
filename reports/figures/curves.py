"""Mean deletion and insertion curves with 95 % bands."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrics.statistics.intervals import mean_band
from metrics.statistics.moments import FEWEST
from reports.figures.style import finding, header_for, method_colours, panels, panels_width
from reports.numbers import number
from reports.runs.run import ROLES, Run
from reports.text import label

NAMED = 4  # methods of a layer that a title names
HEADLINE = {
    "rise": ("insertion_auc", "Insertion AUC"),
    "srg": ("srg_probability", "SRG"),
    "road": ("road_probability", "ROAD"),
}
ONTO = {"mean": "the mean colour", "blur": "the blurred image", "linear": "imputed pixels"}


def curve_figures(run: Run, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Per protocol and role a figure: rows are the directions that were computed, columns layers, lines methods."""
    curves = run.curves
    if curves.empty:
        return
    for protocol, record in run.manifest["protocols"].items():
        for role in ROLES:
            computed = set(
                curves.loc[curves["role"] == role, ["direction", "substrate"]].itertuples(index=False, name=None)
            )
            pairs = [pair for pair in zip(record["directions"], record["substrates"], strict=True) if pair in computed]
            if pairs:
                yield f"curves_{protocol}_{role}", _figure(run, summary, protocol, pairs, role)


def _figure(run: Run, summary: pd.DataFrame, protocol: str, pairs: list[tuple[str, str]], role: str) -> Figure:
    title = _title(run, summary, protocol, role)
    width = panels_width(len(run.layers), 4.4)
    figure, axes = panels(len(pairs), len(run.layers), 4.4, 2.6, header=header_for(title, width))
    for row, (direction, substrate) in zip(axes, pairs, strict=True):
        for axis, layer in zip(row, run.layers, strict=True):
            curves = run.curves
            chosen = curves[
                (curves["layer"] == layer)
                & (curves["role"] == role)
                & (curves["direction"] == direction)
                & (curves["substrate"] == substrate)
            ]
            _plot(axis, run, chosen)
            onto = ONTO.get(substrate, substrate)
            verb = "deleted onto" if direction == "deletion" else "inserted into"
            axis.set_title(f"{label(layer)}: pixels {verb} {onto}")
            axis.set_xlabel(f"share of pixels {'deleted' if direction == 'deletion' else 'inserted'}")
        row[0].set_ylabel(f"probability of the {role} class")
    axes[0, 0].legend(loc="best", frameon=True)
    finding(figure, title)
    return figure


def _plot(axis: Axes, run: Run, curves: pd.DataFrame) -> None:
    for method, colour in method_colours(run).items():
        own = curves[curves["method"] == method]
        if own.empty:
            continue
        fraction = own["fraction"].iloc[0]
        probability = by_image(own)
        axis.plot(fraction, probability.mean(axis=0), color=colour, label=run.title(method))
        if len(probability) >= FEWEST:
            low, high = mean_band(probability, run.seed)
            axis.fill_between(fraction, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.set(xlim=(0, 1), ylim=(0, 1))


def by_image(curves: pd.DataFrame) -> np.ndarray:
    """Probabilities (n, points) of the curves of one method; two maps of one image are one image."""
    if not curves["image_id"].duplicated().any():
        return np.stack(curves["probability"])
    images = curves.groupby(curves["image_id"].astype(str))["probability"]
    return np.stack([np.mean(np.stack(own), axis=0) for _, own in images])


def _title(run: Run, summary: pd.DataFrame, protocol: str, role: str) -> str:
    metric, name = HEADLINE.get(protocol, ("", protocol))
    values = summary[(summary["metric"] == metric) & (summary["role"] == role) & summary["method"].isin(run.methods)]
    parts = []
    for layer, group in values.rename(columns={"mean": "average"}).groupby("layer", sort=False):
        named = [f"{run.title(row.method)} {number(row.average)}" for row in group.head(NAMED).itertuples()]
        more = [f"{len(group) - NAMED} more in the table summary"] if len(group) > NAMED else []
        parts.append(f"{label(str(layer))}: {', '.join([*named, *more])}")
    images = run.curves.loc[run.curves["role"] == role, "image_id"].nunique()
    said = f"{name}, higher is better. {'; '.join(parts)}" if parts else f"Curves of {protocol}"
    return f"{said} (mean of {images} images, 95 % bands)"
