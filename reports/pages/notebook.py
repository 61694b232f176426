"""What a notebook shows of a run below a cell: the paired differences as one figure, and a few pictures with maps."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from reports.figures.differences import difference_figures
from reports.figures.overlays import disagreement, missing
from reports.figures.small import small
from reports.figures.style import style
from reports.runs.checks import shown_classes
from reports.runs.run import Run
from reports.text import label

IMAGES, METHODS = 3, 4  # shown
DPI = 80


def forest(run: Run, comparison: pd.DataFrame) -> str:
    """The differences of the first pair of methods with their intervals as PNG in base64; empty where there is none."""
    with style():
        for _, figure in difference_figures(run, comparison):
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
            return base64.b64encode(buffer.getvalue()).decode()
    return ""


def pictures(run: Run) -> list[dict[str, Any]]:
    """The images on which the first two methods differ most, of one method the first: each with its maps."""
    if not run.maps:
        return []
    layer = run.layers[0]
    differing = list(disagreement(run, layer).index) if len(run.methods) > 1 else []
    names = list(dict.fromkeys([*differing, *map(str, run.images.index)]))[:IMAGES]
    shown = run.pictures(names)
    return [
        {
            "name": label(name),
            "said": _said(run, name),
            "picture": small(shown[name]),
            "maps": list(_maps(run, layer, name, shown[name])),
        }
        for name in names
    ]


def _said(run: Run, name: str) -> str:
    image = run.images.loc[name]
    chance = image["probability"][run.classes.index(image["predicted"])]
    return f"{label(str(image['label']))}, called {label(str(image['predicted']))} {chance:.2f}"


def _maps(run: Run, layer: str, name: str, picture: np.ndarray) -> Iterator[dict[str, str]]:
    """The map of the class in the picture, of several classes of the first, by every method."""
    target = shown_classes(str(run.images.loc[name, "label"]), run.classes)[0]
    for method in run.methods[:METHODS]:
        raw = run.maps[method, layer][name][run.classes.index(target)]
        why = missing(raw)
        said = f"{run.title(method)}, {label(target)}" + (f": {why} map" if why else "")
        yield {"said": said, "image": small(picture, raw)}
