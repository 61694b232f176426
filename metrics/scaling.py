"""Min-max scaling, for the metrics that are defined on scaled maps; everything else takes maps as they are."""

import torch
from torch import Tensor


def min_max_scaled(maps: Tensor) -> Tensor:
    """(M - min M) / (max M - min M) of each map (N, H, W), in [0, 1]; a constant map becomes 0."""
    low = maps.amin(dim=(1, 2), keepdim=True)
    high = maps.amax(dim=(1, 2), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)
