"""What the gallery of report.html works with: pictures, maps, scores and curves of every image, small enough."""

import base64
import io
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import matplotlib as mpl
import numpy as np
import pandas as pd
from PIL import Image

from reports.figures.overlays import COLOURS, disagreement, gridded, missing, selections
from reports.plain import visible
from reports.runs.run import Run
from reports.tables.examples import Examples, examples
from reports.text import label

QUALITY, EFFORT = 55, 2  # of the embedded pictures: twice the effort saves 7 % of their size
LEVELS = 255  # of the embedded maps and curves
BUDGET = 16 << 20  # characters of all images together: a larger page is slow to open
FIRST = 100  # images whose size tells how many fit


@dataclass(frozen=True)
class Gallery:
    """What the page holds of the images.

    Attributes:
        text: JSON that may stand inside a script element.
        places: of the images in it, by id.
    """

    text: str
    places: dict[str, int]


def gallery(run: Run, order: Sequence[str]) -> Gallery:
    """Pictures, maps, scores and curves of the images.

    Of many images it holds as many as `BUDGET` allows: examples, those of the sheets, and others drawn at random.

    Args:
        run: the run.
        order: of the methods, the most interesting first.
    """
    found = examples(run)
    measured = set(run.scores["metric"].unique())
    metrics = [name for name in run.manifest["metrics"] if name in measured]
    pairs = _curve_pairs(run)
    colours = (mpl.colormaps[COLOURS](np.arange(256) / 255)[:, :3] * 255).astype(np.uint8)
    about = {
        "classes": run.classes,
        "classTitles": [label(name) for name in run.classes],
        "methods": [{"name": name, "title": run.title(name)} for name in run.methods],
        "layers": [
            {"name": name, "title": label(name), "height": shape["height"], "width": shape["width"]}
            for name, shape in run.manifest["layers"].items()
        ],
        "metrics": [{"name": name, "title": run.title(name), "better": _better(run, name)} for name in metrics],
        "curves": [label(f"{direction}, {substrate}") for direction, substrate in pairs],
        "order": list(order),
        "substrates": [_substrate(run, *pair) for pair in pairs],
        "mean": (run.manifest["checkpoint"].get("preprocess") or {}).get("mean"),
        "examples": [_example(entry) for entry in found],
        "size": run.manifest["image_size"],
        "colours": _text(colours),
        "total": len(run.images),
    }
    images = _images(run, metrics, pairs, [name for entry in found for name in (*entry.wins, *entry.losses)])
    text = f'{_dumped(about)[:-1]},"images":[{",".join(images.values())}]}}'
    return Gallery(text, {name: place for place, name in enumerate(images)})


def _substrate(run: Run, direction: str, substrate: str) -> dict[str, str]:
    title = str(run.substrates.get(substrate, {}).get("title", substrate))
    return {"direction": direction, "substrate": substrate, "title": label(title)}


def _example(entry: Examples) -> dict[str, object]:
    wins, losses = entry.wins, entry.losses
    return {"method": entry.method, "metric": entry.metric, "role": entry.role, "wins": wins, "losses": losses}


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _images(run: Run, metrics: list[str], pairs: list[tuple[str, str]], wanted: list[str]) -> dict[str, str]:
    """The images that fit by id, in the order of their ids: how many is told from the size of the first."""
    differing = {layer: disagreement(run, layer) for layer in run.layers} if _comparable(run) else {}
    names = _candidates(run, wanted)
    entries = _entries(run, names[:FIRST], metrics, pairs, differing)
    average = sum(map(len, entries.values())) / max(len(entries), 1)
    fitting = int(BUDGET / average) if entries else 0
    entries |= _entries(run, names[FIRST:fitting], metrics, pairs, differing)
    return {name: entries[name] for name in sorted(entries)}


def _candidates(run: Run, wanted: list[str]) -> list[str]:
    """All images: first those that are wanted, then those of the sheets, the others in random order."""
    shown = [name for layer in run.layers for _, _, ids in selections(run, layer) for name in ids] if run.maps else []
    names = np.random.default_rng(run.seed).permutation(len(run.images))
    return list(dict.fromkeys([*wanted, *shown, *(str(run.images.index[place]) for place in names)]))


def _entries(
    run: Run, names: list[str], metrics: list[str], pairs: list[tuple[str, str]], differing: dict[str, pd.Series]
) -> dict[str, str]:
    """JSON of every image, by id."""
    if not names:
        return {}
    scores, curves = _scores(run, names, metrics), _curves(run, names, pairs)
    with ThreadPoolExecutor() as threads:  # Pillow works outside Python's lock
        jpegs = run.jpegs(names)
        packed = dict(zip(jpegs, threads.map(partial(_packed, run), *zip(*jpegs.items(), strict=True)), strict=True))
    images = run.images.loc[names]
    return {
        name: _dumped(
            {
                "id": name,
                "title": visible(name),
                "label": label_,
                "roles": {run.classes.index(target): role for target, role in run.roles(name).items()},
                "predicted": predicted,
                "probability": [round(float(p), 4) for p in probability],
                "picture": packed[name],
                "maps": _maps(run, name),
                "scores": scores[name],
                "curves": curves.get(name, {}),
                "disagreement": {layer: _rounded(found.get(name)) for layer, found in differing.items()},
            }
        )
        for name, label_, predicted, probability in zip(
            names, images["label"], images["predicted"], images["probability"], strict=True
        )
    }


def _comparable(run: Run) -> bool:
    return len(run.methods) > 1 and bool(run.maps)


def _better(run: Run, metric: str) -> str:
    return str(run.manifest["metrics"][metric]["direction"])


def _packed(run: Run, name: str, jpeg: bytes) -> str:
    buffer = io.BytesIO()
    Image.fromarray(run.decoded(name, jpeg)).save(buffer, "WEBP", quality=QUALITY, method=EFFORT)
    return base64.b64encode(buffer.getvalue()).decode()


def _maps(run: Run, name: str) -> dict[str, str]:
    """Per method, layer and class that is shown the map in 255 levels of its own maximum; or why there is none.

    Reasons begin with a space, which no map does.
    """
    found = {}
    for (method, layer), by_image in run.maps.items():
        maps = gridded(by_image[name], run.manifest["layers"][layer])
        for number in run.shown_targets(name):
            raw = maps[number]
            key = f"{method}|{layer}|{number}"
            why = missing(raw)
            found[key] = f" {why}" if why else _text(np.round(raw / raw.max() * LEVELS).astype(np.uint8))
    return found


def _scores(run: Run, names: list[str], metrics: list[str]) -> dict[str, dict[str, list[float | None]]]:
    """Per image, and method, layer and target: the values in the order of the metrics; None where undefined."""
    scores = run.scores[run.scores["image_id"].isin(names)]
    wide = scores.pivot(index=["image_id", "method", "layer", "target"], columns="metric", values="value")
    wide = wide.reindex(columns=metrics)
    found: dict[str, dict[str, list[float | None]]] = {name: {} for name in names}
    for (image, method, layer, target), values in zip(wide.index, wide.to_numpy(), strict=True):
        found[image][f"{method}|{layer}|{run.classes.index(target)}"] = [_rounded(value) for value in values]
    return found


def _curve_pairs(run: Run) -> list[tuple[str, str]]:
    if run.curves.empty:
        return []
    pairs = run.curves[["direction", "substrate"]].drop_duplicates().sort_values(["direction", "substrate"])
    return list(pairs.itertuples(index=False, name=None))


def _curves(run: Run, names: list[str], pairs: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Per image, and method, layer, target and pair: the probability in 255 levels."""
    found: dict[str, dict[str, str]] = {}
    for row in run.curves[run.curves["image_id"].isin(names)].itertuples() if pairs else ():
        number = pairs.index((row.direction, row.substrate))
        key = f"{row.method}|{row.layer}|{run.classes.index(row.target)}|{number}"
        values = np.round(np.asarray(row.probability) * LEVELS).astype(np.uint8)
        found.setdefault(row.image_id, {})[key] = _text(values)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(f"{value:.7g}")


def _text(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
