"""compare.html: what moved between two runs, and the images whose maps moved most, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.figures.moved import moved_maps, shown_metric
from reports.figures.overlays import missing
from reports.figures.small import small
from reports.files import write_atomic
from reports.numbers import number
from reports.pages.frame import rendered
from reports.pages.report import cells
from reports.plain import visible
from reports.runs.run import Run
from reports.text import label

IMAGES, METHODS = 12, 3  # shown: images, and of each image the methods whose maps moved most


@dataclass(frozen=True)
class Told:
    """What the page says in words; the numbers behind it are the caller's.

    Attributes:
        headline: the verdict.
        details: lines that follow it.
        changed: what is not as it was, a line each.
        table: the rows to show, as text.
        culprits: every gate that failed.
    """

    headline: str
    details: Sequence[str]
    changed: Sequence[str]
    table: pd.DataFrame
    culprits: Sequence[str]


def render_compare(out: Path, first: Run, second: Run, told: Told) -> Path:
    """Writes compare.html.

    Args:
        out: its folder.
        first: the earlier run.
        second: the later one.
        told: the words.

    Returns:
        Its path.
    """
    why_none, images = _why_no_images(first, second), []
    if not why_none:
        images = list(_images(first, second))
    metric = shown_metric(first, second)
    content = {
        "failed": bool(told.culprits),
        "headline": told.headline,
        "details": told.details,
        "changed": told.changed,
        "names": [visible(run.folder.name) for run in (first, second)],
        "table": cells(told.table),
        "culprits": told.culprits,
        "metric": second.title(metric) if metric else "",
        "layers": [label(run.layers[0]) for run in (first, second)],
        "why_none": why_none,
        "images": images,
        "total": first.manifest["counts"]["scored"],
    }
    write_atomic(out / "compare.html", rendered("compare.html", content).encode())
    return out / "compare.html"


def _why_no_images(first: Run, second: Run) -> str:
    for run in (first, second):
        if not (run.folder / "images.parquet").exists() or not run.maps:
            return f"The maps or pictures of '{visible(run.folder.name)}' are no longer kept, so no images are shown."
    if not set(first.methods) & set(second.methods):
        return "The runs have no method in common, so no images are shown."
    return ""


def _images(first: Run, second: Run) -> Iterator[dict[str, Any]]:
    table = moved_maps(first, second)
    names = list(dict.fromkeys(table["image_id"]))[:IMAGES]
    pictures = second.pictures(names)
    for name in names:
        own = table[table["image_id"].eq(name)].sort_values("moved", ascending=False, kind="stable").head(METHODS)
        maps = [_pair(first, second, row, pictures[name]) for row in own.to_dict("records")]
        calls = [_called(run, name) for run in (first, second)]
        yield {
            "name": label(name),
            "label": label(str(second.images.loc[name, "label"])),
            "called": calls[0] if calls[0] == calls[1] else f"{calls[0]}, now {calls[1]}",
            "picture": small(pictures[name]),
            "maps": maps,
        }


def _pair(first: Run, second: Run, row: dict[str, Any], picture: np.ndarray) -> dict[str, Any]:
    """Both maps of one method over the picture."""
    sides = []
    for run, value in ((first, row["before"]), (second, row["after"])):
        raw = run.maps[row["method"], run.layers[0]][row["image_id"]][run.classes.index(row["target"])]
        why = missing(raw)
        sides.append({"image": small(picture, raw), "value": number(value), "why": f"{why} map" if why else ""})
    moved = "undefined" if np.isnan(row["moved"]) else f"{100 * row['moved']:.0f} %"
    return {"method": second.title(row["method"]), "target": label(row["target"]), "moved": moved, "sides": sides}


def _called(run: Run, name: str) -> str:
    image = run.images.loc[name]
    chance = image["probability"][run.classes.index(image["predicted"])]
    return f"called {label(str(image['predicted']))} {chance:.2f}"
