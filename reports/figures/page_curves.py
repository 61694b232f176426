"""Deletion and insertion curves of the headline protocol as small charts for the page."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from metrics.statistics.intervals import mean_band
from metrics.statistics.moments import FEWEST
from reports.figures.curves import by_image
from reports.figures.inline import WIDTH, Scale, Svg, frame
from reports.runs.run import Run

PROTOCOLS = ("srg", "rise")  # the first that was computed
ONTO = {"mean": "the mean colour", "blur": "the blurred picture"}


def curve_charts(run: Run, methods: Sequence[str]) -> Iterator[tuple[Markup, str]]:
    """Per direction a chart and its caption, of the right class at the first layer; nothing without curves."""
    if run.curves.empty:
        return
    own = run.curves[run.curves["layer"].eq(run.layers[0]) & run.curves["role"].eq("right")]
    for protocol in (name for name in PROTOCOLS if name in run.manifest["protocols"]):
        record = run.manifest["protocols"][protocol]
        charts = []
        for direction, substrate in zip(record["directions"], record["substrates"], strict=True):
            chosen = own[own["direction"].eq(direction) & own["substrate"].eq(substrate)]
            if len(chosen):
                charts.append(_chart(run, chosen, methods, direction, substrate))
        if charts:
            yield from charts
            return


def _chart(
    run: Run, curves: pd.DataFrame, methods: Sequence[str], direction: str, substrate: str
) -> tuple[Markup, str]:
    deleted = direction == "deletion"
    known = run.substrates.get(substrate, {}).get("title", substrate)
    onto = ONTO.get(substrate, known)
    verb = f"deleted: what is left is {onto}" if deleted else f"inserted into {onto}"
    better = "The lower the curve, the better the map." if deleted else "The higher the curve, the better the map."
    lines = {method: curves[curves["method"].eq(method)] for method in methods}
    found = {method: (own["fraction"].iloc[0], by_image(own)) for method, own in lines.items() if len(own)}
    areas = {m: np.trapezoid(values.mean(axis=0), fraction) for m, (fraction, values) in found.items()}
    said = ", ".join(f"{run.title(m)} has a mean of {area:.2f}" for m, area in areas.items())
    svg = Svg(WIDTH, 248, f"Probability of the right class as pixels are {verb}. {said}.")
    x, y = Scale(0, 1, 40, WIDTH - 12), Scale(0, 1, 206, 22)
    frame(svg, x, y, f"share of pixels {'deleted' if deleted else 'inserted'}", "probability of the right class")
    for method, (fraction, values) in found.items():
        _line(svg, run, x, y, fraction, values, list(methods).index(method))
    images = max(len(values) for _, values in found.values())
    return svg.markup(), f"Pixels {verb}. {better} Means of {images} images{_banded(images)}."


def _banded(images: int) -> str:
    return " with 95 % bands" if images >= FEWEST else f"; fewer than {FEWEST}, so no bands"


def _line(svg: Svg, run: Run, x: Scale, y: Scale, fraction: np.ndarray, values: np.ndarray, place: int) -> None:
    """A mean curve, and its band behind it."""
    if len(values) >= FEWEST:
        low, high = mean_band(values, run.seed)
        edge = [*zip(fraction, high, strict=True), *zip(fraction[::-1], low[::-1], strict=True)]
        svg.path([(x(a), y(b)) for a, b in edge], f"band f{place}", closed=True)
    svg.path([(x(a), y(b)) for a, b in zip(fraction, values.mean(axis=0), strict=True)], f"curve s{place}")
