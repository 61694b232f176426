"""What the network used in drawn scenes: its own margins when parts are taken away."""

from dataclasses import dataclass

import torch
from torch import Tensor

from datasets import Batch
from datasets.drawn import BACKGROUND, STRIDE, part_code
from metrics.margins import margins
from metrics.perturbation import ScoreFn
from metrics.truth import certify_scenes


@dataclass(frozen=True)
class Truth:
    """Of one batch.

    Attributes:
        part_effect: m(x) - m(x without the part) of every class's margin, (B, K, P) float64; NaN for parts not there.
        certified: whether the scene counts as ground truth, (B,) bool.
    """

    part_effect: Tensor
    certified: Tensor


def measure_truth(batch: Batch, logits: Tensor, score_fn: ScoreFn, batch_size: int) -> Truth:
    """Scores every image of a batch drawn again without each of its parts.

    Args:
        batch: with its removals.
        logits: of the whole images, (B, K).
        score_fn: images (N, 3, H, W) in [0, 1] to logits (N, K).
        batch_size: images per forward pass.
    """
    if batch.removals is None:
        raise ValueError("the batch was loaded without removals")
    count, classes = logits.shape
    whole = margins(logits)
    effect = torch.full((count, classes, STRIDE * classes), torch.nan, dtype=torch.float64, device=logits.device)
    change = effect[:, 0].clone()  # of the first class's probability
    chunks = batch.removals.images.split(batch_size)
    scored = [score_fn(images.to(logits.device).float() / 255) for images in chunks]
    owners, codes = (index.to(logits.device) for index in (batch.removals.owners, batch.removals.codes))
    if len(owners):
        without = torch.cat(scored)
        effect[owners, :, codes] = whole[owners] - margins(without)
        change[owners, codes] = (logits.double().softmax(1)[owners] - without.double().softmax(1))[:, 0]
    present = batch.present.to(logits.device)
    margin = torch.where(present, whole, 0).sum(dim=1).masked_fill(present.sum(dim=1) > 1, torch.nan)
    heads = torch.stack([effect[:, k, part_code(k, "head")] for k in range(classes)], dim=1)
    rest = change[:, [BACKGROUND, *(part_code(k, "rest") for k in range(classes))]]
    drawn = ~effect[:, 0, BACKGROUND].isnan()
    return Truth(effect, certify_scenes(margin, heads, rest) & drawn)
