"""What the gallery of report.html works with: pictures, maps, scores and curves of every image, small enough."""

import base64
import io
import json
import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

from reports.overlays import COLOURS, disagreement, missing
from reports.pictures import read_picture
from reports.plain import visible
from reports.run import Run
from reports.text import label

QUALITY = 55  # of the embedded pictures
LEVELS = 255  # of the embedded maps and curves


def gallery_json(run: Run) -> str:
    """The data as JSON that may stand inside a script element."""
    return json.dumps(_gallery(run), ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _gallery(run: Run) -> dict[str, Any]:
    measured = set(run.scores["metric"].unique())
    metrics = [name for name in run.manifest["metrics"] if name in measured]
    pairs = _curve_pairs(run)
    colours = (mpl.colormaps[COLOURS](np.arange(256) / 255)[:, :3] * 255).astype(np.uint8)
    differing = {layer: disagreement(run, layer) for layer in run.layers} if _comparable(run) else {}
    scores, curves = _scores(run, metrics), _curves(run, pairs)
    with ThreadPoolExecutor() as threads:  # Pillow works outside Python's lock
        packed = threads.map(partial(_picture, run), run.images.index, run.images["jpeg"])
        pictures = dict(zip(run.images.index, packed, strict=True))
    return {
        "classes": run.classes,
        "classTitles": [label(name) for name in run.classes],
        "methods": [{"name": name, "title": run.title(name)} for name in run.methods],
        "layers": [
            {"name": name, "title": label(name), "height": shape["height"], "width": shape["width"]}
            for name, shape in run.manifest["layers"].items()
        ],
        "metrics": [{"name": name, "title": run.title(name), "better": _better(run, name)} for name in metrics],
        "curves": [label(f"{direction}, {substrate}") for direction, substrate in pairs],
        "side": run.manifest["image_size"][0],
        "colours": _text(colours),
        "images": [
            {
                "id": str(name),
                "title": visible(str(name)),
                "label": row["label"],
                "predicted": row["predicted"],
                "probability": [round(float(p), 4) for p in row["probability"]],
                "picture": pictures[name],
                "maps": _maps(run, str(name)),
                "scores": scores[str(name)],
                "curves": curves.get(str(name), {}),
                "disagreement": {layer: _rounded(found.get(name)) for layer, found in differing.items()},
            }
            for name, row in run.images.iterrows()
        ],
    }


def _comparable(run: Run) -> bool:
    return len(run.methods) > 1 and bool(run.maps)


def _better(run: Run, metric: str) -> str:
    return str(run.manifest["metrics"][metric]["direction"])


def _picture(run: Run, name: str, jpeg: bytes) -> str:
    height, width = run.manifest["image_size"]
    pixels = read_picture(run.folder / "images.parquet", name, jpeg, (height, width))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=QUALITY, method=4)
    return base64.b64encode(buffer.getvalue()).decode()


def _maps(run: Run, name: str) -> dict[str, str]:
    """Per method, layer and class number the map in 255 levels of its own maximum; or that it is empty or undefined.

    The latter begin with a space, which no map does.
    """
    found = {}
    for (method, layer), by_image in run.maps.items():
        for number, raw in enumerate(by_image[name]):
            key = f"{method}|{layer}|{number}"
            why = missing(raw)
            found[key] = f" {why}" if why else _text(np.round(raw / raw.max() * LEVELS).astype(np.uint8))
    return found


def _scores(run: Run, metrics: list[str]) -> dict[str, dict[str, list[float | None]]]:
    """Per image, and method, layer and target: the values in the order of the metrics; None where undefined."""
    wide = run.scores.pivot(index=["image_id", "method", "layer", "target"], columns="metric", values="value")[metrics]
    found: dict[str, dict[str, list[float | None]]] = {str(name): {} for name in run.images.index}
    for (image, method, layer, target), values in zip(wide.index, wide.to_numpy(), strict=True):
        found[image][f"{method}|{layer}|{run.classes.index(target)}"] = [_rounded(value) for value in values]
    return found


def _curve_pairs(run: Run) -> list[tuple[str, str]]:
    if run.curves.empty:
        return []
    pairs = run.curves[["direction", "substrate"]].drop_duplicates().sort_values(["direction", "substrate"])
    return list(pairs.itertuples(index=False, name=None))


def _curves(run: Run, pairs: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Per image, and method, layer, target and pair: the probability in 255 levels."""
    found: dict[str, dict[str, str]] = {}
    for row in run.curves.itertuples() if pairs else ():
        number = pairs.index((row.direction, row.substrate))
        key = f"{row.method}|{row.layer}|{run.classes.index(row.target)}|{number}"
        values = np.round(np.asarray(row.probability) * LEVELS).astype(np.uint8)
        found.setdefault(row.image_id, {})[key] = _text(values)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(f"{value:.7g}")


def _text(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
