"""Sheets of photographs with their maps: what the numbers look like."""

import math
from collections.abc import Iterator, Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from metrics.scaling import min_max_scaled, upsample
from reports.figures.style import blank, finding
from reports.runs.checks import shown_classes
from reports.runs.run import Run
from reports.text import label

ROWS = 6
COLOURS = "inferno"
OPACITY = 0.55
CAPTION, CLASS = 28, 10  # characters of a name above a picture, and of two that share a line


def overlay_figures(run: Run) -> Iterator[tuple[str, Figure]]:
    """Per layer sheets of the most and least dispersed and the most disagreeing images, or of all if they are few."""
    if not run.maps:
        return
    for layer in run.layers:
        for name, title, ids in selections(run, layer):
            yield f"overlays_{name}_{layer}", _sheet(run, layer, title, ids)


def selections(run: Run, layer: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, title and image ids of every sheet."""
    if len(run.images) <= ROWS:
        yield "all", "All images", list(run.images.index)
        return
    keys = [(layer, role, "effective_area") for role in ("right", "present")]
    own = pd.concat([run.values.rows(key) for key in keys])
    area = (
        own[own["method"].isin(run.methods)]
        .groupby("image_id", observed=True)["value"]
        .mean()
        .rename(index=str)
        .dropna()
        .sort_values(kind="stable")
    )
    if len(area):
        yield "most_dispersed", "Most dispersed maps of the right class", list(area.index[::-1][:ROWS])
        yield "least_dispersed", "Least dispersed maps of the right class", list(area.index[:ROWS])
    if len(run.methods) > 1 and len(differing := disagreement(run, layer)):
        names = " and ".join(run.title(method) for method in run.methods[:2])
        yield (
            "most_disagreeing",
            f"{names} disagree most on the right class",
            list(differing.index[:ROWS]),
        )


def disagreement(run: Run, layer: str) -> pd.Series:
    """1 - sum min(p, q) of the first two methods' maps of the classes in the picture, by image id, largest first."""
    shape = run.manifest["layers"][layer]
    first, second = (run.maps[method, layer] for method in run.methods[:2])
    values = {}
    for image_id, shows in run.images["label"].items():
        shown = [run.classes.index(name) for name in shown_classes(str(shows), run.classes)]
        a, b = (gridded(maps[str(image_id)][shown], shape) for maps in (first, second))
        if np.isfinite(a).all() and np.isfinite(b).all() and a.sum() > 0 and b.sum() > 0:
            values[image_id] = 1 - np.minimum(a / a.sum(), b / b.sum()).sum()
    return pd.Series(values, dtype=float).sort_values(ascending=False, kind="stable")


def _sheet(run: Run, layer: str, title: str, ids: list[str]) -> Figure:
    """One sheet, drawn as a single picture: an axis per photograph would take seconds."""
    height, width = run.manifest["image_size"]
    cell, line = round(width * 1.04), round(height * 0.3)
    columns = 1 + len(run.methods) * max(len(run.shown_targets(image_id)) for image_id in ids)
    canvas = np.full((len(ids) * (height + line), columns * cell, 3), 255, dtype=np.uint8)
    size = (1.95 * columns, 1.95 * canvas.shape[0] / cell + 0.5)
    figure = blank(figsize=size, layout="none")
    axis = figure.add_axes((0.01, 0.0, 0.98, 1 - 0.5 / size[1]))
    axis.set_axis_off()
    pictures = run.pictures(ids)
    for row, image_id in enumerate(ids):
        for column, (picture, caption) in enumerate(_row(run, layer, image_id, pictures[image_id])):
            top, left = row * (height + line) + line, column * cell
            canvas[top : top + height, left : left + width] = picture
            axis.text(left, top - 5, caption, fontsize=8, va="bottom", color="black", clip_on=True)
    axis.imshow(canvas, interpolation="none", aspect="auto")
    finding(figure, f"{title}, {label(layer)}")
    return figure


def _row(run: Run, layer: str, image_id: str, picture: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Picture and caption of every column of one image."""
    yield picture, _caption(run, image_id)
    for method in run.methods:
        for target in run.shown_targets(image_id):
            name = run.classes[target]
            raw = run.maps[method, layer][image_id][target]
            area = _value(run, image_id, method, layer, name, "effective_area")
            state = missing(raw) or ("" if math.isnan(area) else f"effective area {area:.2f}")
            caption = f"{label(run.title(method), CAPTION)}, {label(name, CAPTION)}\n{state}"
            yield picture if missing(raw) else blended(picture, raw), caption


def gridded(raw: np.ndarray, shape: Mapping[str, int]) -> np.ndarray:
    """Maps (n, h, w) at the resolution of their layer; those that the run was given may have another: cell means."""
    size = (shape["height"], shape["width"])
    if raw.shape[1:] == size:
        return raw
    return np.asarray(F.interpolate(torch.from_numpy(raw)[None], size, mode="area")[0])


def missing(raw: np.ndarray) -> str:
    """Why a map cannot be shown over its picture: it is empty or undefined; "" where it can."""
    return "undefined" if not np.isfinite(raw).all() else "" if raw.any() else "empty"


def blended(picture: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) under its map (h, w): upsampled bilinearly, min-max scaled for display only."""
    maps = upsample(torch.from_numpy(raw)[None, None], picture.shape[:2])[0]
    colours = mpl.colormaps[COLOURS](min_max_scaled(maps)[0].numpy())[..., :3] * 255
    return np.asarray(OPACITY * colours + (1 - OPACITY) * picture).round().astype(np.uint8)


def _caption(run: Run, image_id: str) -> str:
    image = run.images.loc[image_id]
    chances = list(zip(run.classes, image["probability"], strict=True))
    if len(chances) > 2:  # there is no room for all
        called = f"called {label(image['predicted'], CLASS)} {max(p for _, p in chances):.2f}"
        return f"{label(image_id, CAPTION)}\n{label(image['label'], CLASS)}, {called}"
    said = ", ".join(f"{name} {p:.2f}" for name, p in chances)
    return f"{label(image_id, CAPTION)}\n{label(image['label'], CAPTION)}; {label(said, 2 * CAPTION)}"


def _value(run: Run, image_id: str, method: str, layer: str, target: str, metric: str) -> float:
    role = run.roles(image_id).get(target, "")
    if (layer, role, metric) not in run.values:
        return math.nan
    if role == "present":  # of several classes
        rows = run.values.rows((layer, role, metric))
        own = rows[rows["image_id"].eq(image_id) & rows["method"].eq(method) & rows["target"].eq(target)]["value"]
        return float(own.iloc[0]) if len(own) else math.nan
    frame = run.values.table(layer, role, metric)
    place = frame.images.get_indexer([image_id])[0]
    return (
        float(frame.values[place, frame.methods.index(method)]) if place >= 0 and method in frame.methods else math.nan
    )
