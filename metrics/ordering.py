"""Orders of pixels: by map value, ties broken by a permutation that only the image's name decides."""

import torch
from torch import Tensor

from cam.seeds import named_generator


def tie_permutation(image_id: str, pixels: int, seed: int) -> Tensor:
    """The permutation that breaks ties on one image.

    It depends on the image's id and the run's seed alone, never on the batch, the shard, the map or the machine (PCG64
    seeded with the SHA-256 of both).

    Args:
        image_id: the image's id.
        pixels: H * W.
        seed: the run's seed.

    Returns:
        (H * W,) int64, a permutation of 0 to H * W - 1: pixel at place i comes before the one at i + 1 if they tie.
    """
    return torch.from_numpy(named_generator(seed, image_id).permutation(pixels))


def rank_pixels(maps: Tensor, permutations: Tensor) -> Tensor:
    """Rank of every pixel in descending order of the map's value; 0 is the highest.

    Args:
        maps: upsampled maps, (N, H, W).
        permutations: one per map, (N, H * W), from `tie_permutation`; decides among pixels of equal value.

    Returns:
        (N, H, W) int32, a permutation of 0 to H * W - 1 per map.
    """
    shuffled = maps.flatten(1).gather(1, permutations)  # (N, HW)
    places = shuffled.argsort(dim=1, descending=True, stable=True)
    order = permutations.gather(1, places)  # pixel indices, highest first
    ranks = torch.empty_like(order, dtype=torch.int32)
    positions = torch.arange(order.shape[1], device=order.device, dtype=torch.int32)
    ranks.scatter_(1, order, positions.expand_as(ranks))
    return ranks.view(maps.shape)
