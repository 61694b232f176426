"""What a shard keeps of its masks: the weights that give the energy of any map of a grid on them, and no picture."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from metrics import Metric
from metrics.inputs import BatchInputs
from metrics.lift import cell_weights
from metrics.registry import WEIGHTS

Grid = tuple[int, int]
Weights = dict[tuple[str, int, int], tuple[Tensor, Tensor, Tensor]]


def annotation_weights(
    shared: BatchInputs,
    known: Mapping[str, np.ndarray],
    roles: np.ndarray,
    grids: Iterable[Grid],
    metrics: Iterable[Metric],
) -> Weights:
    """Per annotation and grid the rows that have it and a role, and their weights over object and over known pixels.

    Args:
        shared: what is known about the images.
        known: per annotation the rows that have it (see `metrics.evaluation.known_rows`).
        roles: of every row, (N,).
        grids: (h, w) of the maps.
        metrics: of the run; only what those ask for that are given once all images are scored.

    Returns:
        (rows (R,), inside (R, h * w), all (R, h * w)) by (annotation, h, w), on the host; none where no row has any.
    """
    wanted = {name for metric in metrics if metric.needs_others for name in metric.inputs if name in WEIGHTS}
    found: Weights = {}
    for name in sorted(wanted):
        masks = shared.masks if name == "mask_weights" else shared.faces
        rows = torch.from_numpy(np.flatnonzero(known[WEIGHTS[name]] & (roles != "")))
        if masks is None or not len(rows):
            continue
        own = masks.flatten(0, 1)[rows.to(masks.device)]
        for grid in sorted({*grids}):
            inside, everywhere = cell_weights(own, grid).cpu().flatten(2).unbind(1)
            found[name, *grid] = rows, inside, everywhere
    return found
