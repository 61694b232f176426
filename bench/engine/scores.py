"""Everything computed on one batch."""

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from bench.engine.weights import Weights
from cam import Maps
from datasets import Batch
from metrics.perturbation import Curve

Key = tuple[str, str]


@dataclass
class BatchScores:
    """Everything computed on one batch, on the host; row b * K + k of N = B * K is image b, target k.

    Attributes:
        batch: the images.
        maps: logits and signed maps.
        roles: (N,) of right, wrong, present and "" (see `role_names`).
        values: per (method, layer, metric) the rows that apply, (R,), and their values, (R,) float64.
        curves: per (method, layer, curve name) the rows, (R,), and their curves.
        boxes: per (method, layer) the rows, object and background histograms and box IoUs.
        undefined: per (method, layer), controls among them, how many of the N maps hold a NaN or an infinity.
        weights: of the cells of a map in sums over masks, for metrics that are given once all images are scored.
    """

    batch: Batch
    maps: Maps
    roles: np.ndarray
    values: dict[tuple[str, str, str], tuple[Tensor, Tensor]] = field(default_factory=dict)
    curves: dict[tuple[str, str, str], tuple[Tensor, Curve]] = field(default_factory=dict)
    boxes: dict[Key, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)
    undefined: dict[Key, int] = field(default_factory=dict)
    weights: Weights = field(default_factory=dict)
