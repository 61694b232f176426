"""Figures and page of `cambench lab`, from its run and the channels it kept."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.numpy
from matplotlib.figure import Figure

from reports.figures.overlays import blended, missing
from reports.figures.style import blank, finding, style
from reports.files import save_figure, write_atomic
from reports.pages.frame import rendered
from reports.pages.report import embedded
from reports.runs.checks import shown_classes
from reports.runs.run import ReportError, Run
from reports.text import file_stem, label

CHANNELS = "channels.safetensors"


def render_lab(folder: Path) -> Path:
    """Writes figures/ and lab.html of a lab folder (`run/` and channels.safetensors).

    Raises:
        ReportError: the run is missing or damaged.
    """
    run = Run(folder / "run")
    channels = _read_channels(folder / CHANNELS, run)
    pictures: list[dict[str, object]] = []
    taken: list[str] = []
    with style():
        for name in map(str, run.images.index):
            stem = Path(name).stem
            grid = _saved(folder, f"channels_{stem}", taken, _channels(run, name, channels[name]))
            maps = [
                (_saved(folder, f"maps_{layer}_{stem}", taken, _maps(run, name, layer)), sentences(run, name, layer))
                for layer in run.layers
            ]
            pictures.append({"name": name, "channels": grid, "maps": maps})
    content = {
        "checkpoint": run.manifest["checkpoint"],
        "layers": run.layers,
        "methods": [run.title(method) for method in run.methods],
        "classes": run.classes,
        "predictions": predictions(run),
        "pictures": pictures,
        "skipped": run.skipped.to_dict("records"),
    }
    write_atomic(folder / "lab.html", rendered("lab.html", content).encode())
    return folder / "lab.html"


def _read_channels(path: Path, run: Run) -> dict[str, np.ndarray]:
    try:
        channels = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        raise ReportError(f"'{path}' cannot be read ({error}); make it again with cambench lab") from error
    for name in run.images.index:
        if name not in channels or channels[name].ndim != 3:
            raise ReportError(f"'{path}' lacks the channels of '{label(name)}'; make it again with cambench lab")
    return channels


def _saved(folder: Path, name: str, taken: list[str], figure: Figure) -> dict[str, str]:
    """Saves a figure under a name that no other has, and gives it as the page embeds it."""
    taken.append(file_stem(name, taken))
    save_figure(folder / "figures", taken[-1], figure)
    return embedded(folder / "figures" / f"{taken[-1]}.png")


def predictions(run: Run) -> list[dict[str, object]]:
    """Per picture: name, what it shows, what it is called, and the probability of every class."""
    return [
        {"name": name, "label": row["label"], "predicted": row["predicted"], "probability": list(row["probability"])}
        for name, row in run.images.iterrows()
    ]


def sentences(run: Run, image_id: str, layer: str) -> list[str]:
    """A sentence of numbers per method: mass on the animal where boxes say where it is, effective area, gap."""
    scores = run.scores[run.scores["image_id"].eq(image_id) & run.scores["layer"].eq(layer)]
    said = []
    for method in run.methods:
        wide = scores[scores["method"].eq(method)].pivot(index="target", columns="metric", values="value")
        roles = scores[scores["method"].eq(method)].drop_duplicates("target").set_index("target")["role"]
        parts = [
            f"{name} map ({roles[name]}): {_numbers(wide.loc[name])}" for name in run.classes if name in wide.index
        ]
        said.append(f"{run.title(method)}: {'; '.join(parts)}{_gap(wide, roles)}.")
    return said


def _numbers(row: "pd.Series[float]") -> str:
    if row.get("empty") == 1:
        return "empty"
    parts = []
    energy, area = row.get("energy_in_mask", math.nan), row.get("mask_area", math.nan)
    if not math.isnan(energy):
        parts.append(f"{energy:.0%} of its mass on the animal, which fills {area:.0%} of the picture")
    share = row.get("own_animal_share", math.nan)
    if not math.isnan(share):
        parts.append(f"of the mass on either animal {share:.0%} on its own")
    return ", ".join([*parts, f"effective area {row['effective_area']:.2f}"])


def _gap(wide: pd.DataFrame, roles: "pd.Series[str]") -> str:
    areas = {role: wide["effective_area"].get(name, math.nan) for name, role in roles.items()}
    if not {"right", "wrong"} <= set(areas) or any(math.isnan(area) for area in areas.values()):
        return ""
    gap = areas["wrong"] - areas["right"]
    more = (
        "the wrong-class map is the more dispersed one" if gap > 0 else "the right-class map is the more dispersed one"
    )
    return f"; dispersion gap {gap:+.2f}: {more}"


def _channels(run: Run, image_id: str, activations: np.ndarray) -> Figure:
    """All channels as tiles on one scale, black is 0."""
    count, height, width = activations.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for number, tile in enumerate(activations.astype(np.float32)):
        top, left = (number // columns) * (height + 1), (number % columns) * (width + 1)
        grid[top : top + height, left : left + width] = tile
    figure = blank(figsize=(8.0, 7.2 * rows / columns + 0.4), layout="constrained")
    axis = figure.subplots()
    shown = axis.imshow(grid, cmap="inferno", vmin=0, vmax=np.nanquantile(grid, 0.999), interpolation="nearest")
    axis.set_axis_off()
    figure.colorbar(shown, ax=axis, shrink=0.6, label="activation")
    silent = int((activations.max(axis=(1, 2)) <= 0).sum())
    where = f"{label(image_id)}: {count} channels at {label(run.layers[0])}"
    finding(figure, f"{where}, {silent} of them silent")
    return figure


def _maps(run: Run, image_id: str, layer: str) -> Figure:
    """The picture, then per class every method's map over it."""
    picture = run.pictures([image_id])[image_id]
    shows = str(run.images["label"].loc[image_id])
    everything = len(shown_classes(shows, run.classes)) == len(run.classes)
    panels = [("picture" if everything else f"picture: {shows}", picture)]
    for target in run.shown_targets(image_id):
        name = run.classes[target]
        for method in run.methods:
            raw = run.maps[method, layer][image_id][target]
            title, why = f"{run.title(method)}, {name}", missing(raw)
            panels.append((f"{title}: {why}", picture) if why else (title, blended(picture, raw)))
    figure = blank(figsize=(2.5 * len(panels), 3.2), layout="constrained")
    axes = figure.subplots(1, len(panels))
    for axis, (title, shown) in zip(axes, panels, strict=True):
        axis.imshow(shown)
        axis.set_axis_off()
        axis.set_title(title, loc="left")
    chances = ", ".join(
        f"{n} {p:.2f}" for n, p in zip(run.classes, run.images["probability"].loc[image_id], strict=True)
    )
    figure.suptitle(f"{label(image_id)} at {label(layer)}: {chances}", ha="left", x=0.01)
    return figure
