"""Metrics that compare a map with those of other images: given once every shard is there, from what the shards keep.

Which other images count is decided by the image's id, the run's seed and the ids of its label, never by batches,
shards, ranks or workers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors
import torch

from bench.engine import Job
from bench.engine.tables import SCHEMAS
from bench.run.shards import MAPS
from cam.seeds import named_generator
from metrics import Metric
from metrics.lift import OTHERS
from metrics.registry import WEIGHTS

NOBODY = -1  # in place of another image, where there are fewer


def scores_against_others(folders: Sequence[Path], job: Job) -> Iterator[pa.Table]:
    """Rows of scores.parquet, one table per method, layer and shard; none where no metric asks for other images.

    Args:
        folders: the finished shards, in order.
        job: what was scored.
    """
    metrics = {name: metric for name, metric in job.metrics.items() if metric.needs_others}
    kept = [(folder, path) for folder in folders if (path := folder / "weights.parquet").exists()]
    if not metrics or not kept:
        return
    labels = _labels(folders)
    places = {image_id: place for place, image_id in enumerate(labels)}
    others = other_images(labels, job.seed)
    for method in job.methods:
        for layer in job.layers:
            maps = _maps(folders, f"{method}/{layer}", places)
            for _, path in kept:
                rows = pq.read_table(path).to_pandas()
                yield from _shard(rows, maps, others, places, job.classes, metrics, (method, layer))


def other_images(labels: Mapping[str, str], seed: int) -> np.ndarray:
    """Places of up to 12 other images of the same label for every image, (n, 12); -1 where there are fewer.

    Args:
        labels: by image id, in any order; places are in this order.
        seed: of the run.
    """
    place = {image_id: number for number, image_id in enumerate(labels)}
    groups: dict[str, list[str]] = {}
    for image_id in sorted(labels):
        groups.setdefault(labels[image_id], []).append(image_id)
    found = np.full((len(labels), OTHERS), NOBODY)
    for group in groups.values():
        for own, image_id in enumerate(group):
            rest = len(group) - 1
            drawn = named_generator(seed, "others", image_id).permutation(rest)[:OTHERS]
            found[place[image_id], : len(drawn)] = [place[group[one + (one >= own)]] for one in drawn]
    return found


def _shard(
    rows: pd.DataFrame,
    maps: torch.Tensor,
    others: np.ndarray,
    places: Mapping[str, int],
    classes: Sequence[str],
    metrics: Mapping[str, Metric],
    key: tuple[str, str],
) -> Iterator[pa.Table]:
    """The rows of one method and layer on the images of a shard."""
    height, width = maps.shape[2:]
    on_grid = rows[rows["height"].eq(height) & rows["width"].eq(width)]
    found = []
    for name, metric in metrics.items():
        needed = [weights for weights in metric.inputs if weights in WEIGHTS]
        own = on_grid[on_grid["annotation"].isin(needed) & on_grid["role"].isin(metric.roles)]
        if own.empty or len(needed) != 1:
            continue
        images = np.array([places[image_id] for image_id in own["image_id"]])
        targets = np.array([classes.index(target) for target in own["target"]])
        chosen = others[images]
        compared = maps[chosen, targets[:, None]]
        compared[torch.from_numpy(chosen == NOBODY)] = torch.nan
        weights = torch.from_numpy(np.stack([np.stack(own[part]) for part in ("inside", "everywhere")], axis=1))
        arguments = {"raw": maps[images, targets], "others": compared, needed[0]: weights.unflatten(2, (height, width))}
        values = metric.function(**{wanted: arguments[wanted] for wanted in metric.inputs}).double()
        values = values.masked_fill(~values.isfinite(), torch.nan)
        found.append(own.assign(method=key[0], layer=key[1], metric=name, value=values.numpy()))
    if found:
        columns = SCHEMAS["scores"].names
        table = pd.concat(found).sort_values(["image_id", "target"], kind="stable")[columns]
        yield pa.Table.from_pandas(table, schema=SCHEMAS["scores"], preserve_index=False)


def _labels(folders: Sequence[Path]) -> dict[str, str]:
    """Label by image id, in the order of the shards."""
    labels: dict[str, str] = {}
    for folder in folders:
        if (folder / MAPS).exists():
            table = pq.read_table(folder / "images.parquet", columns=["image_id", "label"])
            labels |= dict(zip(*(table.column(name).to_pylist() for name in ("image_id", "label")), strict=True))
    return labels


def _maps(folders: Sequence[Path], name: str, places: Mapping[str, int]) -> torch.Tensor:
    """Raw maps of one method and layer, (n, K, h, w) in the order of the places."""
    parts, ids = [], []
    for folder in folders:
        if (folder / MAPS).exists():
            with safetensors.safe_open(folder / MAPS, "pt") as file:
                parts.append(file.get_tensor(name))
                ids += json.loads(file.metadata()["image_ids"])
    order = np.argsort([places[image_id] for image_id in ids])
    return torch.cat(parts)[order]
