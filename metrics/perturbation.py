"""Deletion and insertion: the model's answer while pixels are replaced in the order of a map."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from metrics.margins import best_other, margins

ScoreFn = Callable[[Tensor], Tensor]
FillFn = Callable[[Tensor, Tensor, Tensor], Tensor]
Direction = Literal["deletion", "insertion"]


@dataclass(frozen=True)
class Curve:
    """Curves of N maps at n + 1 equally spaced fractions, 0 and 1 included; all float64.

    Attributes:
        fraction: share of pixels deleted or inserted, (n + 1,).
        probability: softmax probability of the target, (N, n + 1).
        probability_other: softmax probability of the strongest other class, (N, n + 1).
        margin: logit of the target minus the largest other logit, (N, n + 1).
    """

    fraction: Tensor
    probability: Tensor
    probability_other: Tensor
    margin: Tensor


def turned(name: str) -> str:
    """The curve of the negated map that a curve `direction_substrate`, read backwards, is.

    Deleting the lowest pixels first is inserting the highest ones, read backwards, onto the same substrate.
    """
    direction, _, substrate = name.partition("_")
    return f"{'deletion' if direction == 'insertion' else 'insertion'}_{substrate}"


def read_backwards(curve: Curve) -> Curve:
    """The curves from their last point to their first."""
    return Curve(curve.fraction, *(v.flip(1) for v in (curve.probability, curve.probability_other, curve.margin)))


def at(curve: Curve, places: Tensor) -> Curve:
    """The curves at some of the N maps: their numbers, or (N,) bool."""
    return Curve(curve.fraction, *(v[places] for v in (curve.probability, curve.probability_other, curve.margin)))


def replaced(images: Tensor, missing: Tensor, substrate: Tensor) -> Tensor:
    """The substrate where pixels are missing, the image elsewhere; three tensors that broadcast."""
    return torch.where(missing, substrate, images)


def masked_logits(
    score_fn: ScoreFn,
    images: Tensor,
    substrate: Tensor,
    ranks: Tensor,
    owner: Tensor,
    *,
    ends: tuple[Tensor, Tensor],
    steps: int,
    direction: Direction,
    batch_size: int,
    fill: FillFn = replaced,
) -> Tensor:
    """Logits along the deletion or insertion curve of every map.

    At point s the round(s H W / n) highest-ranked pixels show the substrate (deletion) or the image (insertion), the
    others the opposite. Masked images are built on the device, `batch_size` or slightly fewer at a time; the end
    points are not computed again. Source: Petsiuk et al., "RISE", BMVC 2018.

    Args:
        score_fn: images (N, 3, H, W) in [0, 1] to logits (N, K).
        images: (B, 3, H, W).
        substrate: what `fill` makes missing pixels of, (B, 3, H, W).
        ranks: order of every map, (M, H, W), 0 first.
        owner: index into images of every map, (M,).
        ends: logits of the images and of the substrate, each (B, K).
        steps: n.
        direction: what happens to the highest-ranked pixels.
        batch_size: largest number of masked images per call of `score_fn`.
        fill: images (G, 1, 3, H, W), missing pixels (G, S, 1, H, W) and substrate (G, 1, 3, H, W) to masked images.

    Returns:
        (M, n + 1, K).
    """
    pixels = ranks[0].numel() if len(ranks) else 0
    cuts = step_sizes(pixels, steps).to(ranks.device, ranks.dtype)
    deletes = direction == "deletion"
    first, last = ends if deletes else ends[::-1]
    logits = first.new_empty(len(ranks), steps + 1, first.shape[1])
    logits[:, 0], logits[:, -1] = first[owner], last[owner]
    for maps, points in _blocks(len(ranks), steps, batch_size):
        mask = ranks[maps, None] < cuts[None, points, None, None]  # (G, S, H, W)
        missing = (mask if deletes else ~mask)[:, :, None]
        image = owner[maps]
        mixed = fill(images[image][:, None], missing, substrate[image][:, None])  # (G, S, 3, H, W)
        logits[maps, points] = score_fn(mixed.flatten(0, 1)).unflatten(0, mask.shape[:2])
    return logits


def step_sizes(pixels: int, steps: int) -> Tensor:
    """Number of replaced pixels at the n + 1 points, (n + 1,) int64: round(s * pixels / n), halves up."""
    return (torch.arange(steps + 1) * pixels + steps // 2) // steps


def _blocks(maps: int, steps: int, batch_size: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of maps x interior points of at most `batch_size` masked images; blocks broadcast without copies."""
    interior = steps - 1
    if interior < 1:
        return
    group = max(1, batch_size // interior)
    parts = -(-interior // batch_size)
    bounds = [1 + interior * part // parts for part in range(parts + 1)]
    for start in range(0, maps, group):
        for low, high in pairwise(bounds):
            yield slice(start, min(start + group, maps)), slice(low, high)


def curve(logits: Tensor, target: Tensor) -> Curve:
    """Probabilities and margin of the target along the curve.

    Args:
        logits: (N, n + 1, K).
        target: class index of every map, (N,).
    """
    logits = logits.double()
    probability = logits.softmax(dim=-1)
    index = target.view(-1, 1, 1).expand(-1, logits.shape[1], 1)
    rival = best_other(logits)[1].gather(-1, index)
    points = logits.shape[1]
    return Curve(
        fraction=torch.arange(points, dtype=torch.float64, device=logits.device) / (points - 1),
        probability=probability.gather(-1, index)[..., 0],
        probability_other=probability.gather(-1, rival)[..., 0],
        margin=margins(logits).gather(-1, index)[..., 0],
    )


def auc(values: Tensor) -> Tensor:
    """Area under equally spaced points by the trapezoid rule: (sum(s) - s_0 / 2 - s_n / 2) / n.

    Args:
        values: (..., n + 1).

    Returns:
        (...); the mean height, in the unit of `values`.
    """
    return (values.sum(dim=-1) - (values[..., 0] + values[..., -1]) / 2) / (values.shape[-1] - 1)


def auc_error(values: Tensor) -> Tensor:
    """Discretisation error estimate |AUC_n - AUC_(n / 2)|, the nested half grid; n even. (..., n + 1) to (...)."""
    return (auc(values) - auc(values[..., ::2])).abs()


def deletion_auc(deletion_mean: Curve) -> Tensor:
    """AUC of the target's probability while the top pixels turn into the mean colour. [0, 1], lower is better. (N,)."""
    return auc(deletion_mean.probability)


def deletion_auc_error(deletion_mean: Curve) -> Tensor:
    """Discretisation error estimate of `deletion_auc`. [0, 1], (N,)."""
    return auc_error(deletion_mean.probability)


def insertion_auc(insertion_blur: Curve) -> Tensor:
    """AUC of the target's probability while the top pixels replace the blur. [0, 1], higher is better. (N,)."""
    return auc(insertion_blur.probability)


def insertion_auc_error(insertion_blur: Curve) -> Tensor:
    """Discretisation error estimate of `insertion_auc`. [0, 1], (N,)."""
    return auc_error(insertion_blur.probability)


def srg_probability(insertion_blur: Curve, deletion_blur: Curve) -> Tensor:
    """Symmetric Relevance Gain on the probability: insertion AUC - deletion AUC under one substrate.

    Range [-1, 1], higher is better, expectation 0 for a random order. Source: Bluecher et al., "Decoupling Pixel
    Flipping and Occlusion Strategy for Consistent XAI Benchmarks", TMLR 2024. Shape (N,).
    """
    return auc(insertion_blur.probability - deletion_blur.probability)


def srg_probability_error(insertion_blur: Curve, deletion_blur: Curve) -> Tensor:
    """Discretisation error estimate of `srg_probability`. (N,)."""
    return auc_error(insertion_blur.probability - deletion_blur.probability)


def srg_margin(insertion_blur: Curve, deletion_blur: Curve) -> Tensor:
    """Symmetric Relevance Gain on the margin (see `srg_probability`). The reals, in logits, higher is better. (N,)."""
    return auc(insertion_blur.margin - deletion_blur.margin)


def srg_margin_error(insertion_blur: Curve, deletion_blur: Curve) -> Tensor:
    """Discretisation error estimate of `srg_margin`. In logits, (N,)."""
    return auc_error(insertion_blur.margin - deletion_blur.margin)


def road_probability(insertion_linear: Curve, deletion_linear: Curve) -> Tensor:
    """Remove and debias: `srg_probability` with missing pixels imputed from those that are left.

    At every fraction the probability with the least relevant pixels imputed minus that with the most relevant ones,
    averaged (see `metrics.imputation`). Range [-1, 1], higher is better, expectation 0 for a random order. Source:
    Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods" (ROAD), ICML 2022. Shape (N,).
    """
    return auc(insertion_linear.probability - deletion_linear.probability)


def road_probability_error(insertion_linear: Curve, deletion_linear: Curve) -> Tensor:
    """Discretisation error estimate of `road_probability`. (N,)."""
    return auc_error(insertion_linear.probability - deletion_linear.probability)


def road_margin(insertion_linear: Curve, deletion_linear: Curve) -> Tensor:
    """The same on the margin (see `road_probability`). The reals, in logits, higher is better. (N,)."""
    return auc(insertion_linear.margin - deletion_linear.margin)


def road_margin_error(insertion_linear: Curve, deletion_linear: Curve) -> Tensor:
    """Discretisation error estimate of `road_margin`. In logits, (N,)."""
    return auc_error(insertion_linear.margin - deletion_linear.margin)
