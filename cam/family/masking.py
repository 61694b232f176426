"""Methods that ask the network what is left of an image under masks: one pass per mask.

A (B, C, h, w) are activations, x (B, 3, H, W) images in [0, 1], z logits (N, K). A mask is a channel at the image's
size, from 0 to 1; what it hides turns black, which is what 0 is where normalisation is part of the network.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.family.scaling import enlarged, percentile, unit
from cam.family.weights import weighted
from cam.passes import BUDGET, in_parts, rows_within
from cam.seeds import drawn

Score = Callable[[Tensor], Tensor]
BLUR, DEVIATION = 51, 50.0  # pixels, Group-CAM's blur: side and standard deviation


def masked_logits(
    score: Score, images: Tensor, masks: Tensor, finish: Callable[[Tensor], Tensor] = unit, behind: Tensor | None = None
) -> Tensor:
    """Logits of every image under every one of its masks, (B, M, K).

    Masks that are the same everywhere hide everything alike: of those of an image one is scored, for all.

    Args:
        score: images to logits.
        images: x.
        masks: (B, M, h, w), enlarged bilinearly.
        finish: what makes a weight in [0, 1] of an enlarged mask (R, 1, H, W).
        behind: what shows where a mask is 0, (B, 3, H, W); None: black.
    """
    each = masks.shape[1]
    height, width = images.shape[2:]
    flat = masks.flatten(0, 1)[:, None]
    scored, place = _distinct(masks)

    def run(rows: slice) -> Tensor:
        number = scored[rows]
        weight = finish(enlarged(flat[number], (height, width)))
        seen = images[number // each] * weight
        return score(seen if behind is None else seen + behind[number // each] * (1 - weight)).float()

    with torch.no_grad():
        size = rows_within(BUDGET, 4 * 4 * images[0].numel())
        return in_parts(len(scored), size, run)[place]


def _distinct(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the masks to score, (R,) into B * M, and where each mask finds its answer among them, (B, M)."""
    same = masks.amax(dim=(-2, -1)) == masks.amin(dim=(-2, -1))
    kept = ~same | (same.cumsum(dim=1) == 1)
    place = (kept.flatten().cumsum(dim=0) - 1).view(same.shape)
    first = same.int().argmax(dim=1, keepdim=True)
    return kept.flatten().nonzero()[:, 0], torch.where(same, place.gather(1, first), place)


def scorecam(activations: Tensor, images: Tensor, score: Score) -> Tensor:
    """Score-CAM: S[k] = sum_c a[k, c] A[c], a = softmax over channels of z_k(x * mask c).

    The paper's baseline z_k(black) is the same for all channels and leaves the softmax as it is. A channel that is the
    same everywhere masks everything.

    Source: Wang et al., "Score-CAM", CVPR Workshops 2020, arXiv 1910.01279, definition 1 and algorithm 1.

    Args:
        activations: A.
        images: x.
        score: images to logits.

    Returns:
        Map, never negative where A is not. Range: that of A.
    """
    return _scored(masked_logits(score, images, activations), activations)


def _scored(logits: Tensor, activations: Tensor) -> Tensor:
    """A weighted by the softmax over channels of logits (B, C, K)."""
    return weighted(logits.softmax(dim=1).transpose(1, 2), activations)


def sscam(
    activations: Tensor,
    images: Tensor,
    ids: tuple[str, ...],
    seed: int,
    score: Score,
    draws: int = 10,
    deviation: float = 2.0,
) -> Tensor:
    """SS-CAM: Score-CAM with z averaged over masks of noisy activations, A[c] + N(0, 2^2).

    Source: Wang et al., "SS-CAM", 2020, arXiv 2006.14255, the variant that smooths the activations.

    Args:
        activations: A.
        images: x.
        ids: of the images.
        seed: of the run; with the image it decides the noise.
        score: images to logits.
        draws: of noise.
        deviation: of the noise, in the activations' unit.

    Returns:
        Map, never negative where A is not. Range: that of A.
    """
    total = torch.zeros((), device=images.device)
    for draw in range(draws):
        noise = drawn(ids, seed, lambda own: own.standard_normal(activations.shape[1:]), "sscam", draw)
        moved = activations + deviation * noise.to(activations)
        total = total + masked_logits(score, images, moved) / draws
    return _scored(total, activations)


def iscam(activations: Tensor, images: Tensor, score: Score, steps: int = 10) -> Tensor:
    """IS-CAM: Score-CAM with z averaged over 1/n, 2/n, ... 1 of the mask.

    Source: Naidu et al., "IS-CAM", 2020, arXiv 2010.03023: the path from the baseline to the masked image, as in
    integrated gradients.

    Args:
        activations: A.
        images: x.
        score: images to logits.
        steps: n.

    Returns:
        Map, never negative where A is not. Range: that of A.
    """
    total = torch.zeros((), device=images.device)
    for step in range(1, steps + 1):
        part = masked_logits(score, images, activations, lambda mask, share=step / steps: unit(mask) * share)  # type: ignore[misc]
        total = total + part / steps
    return _scored(total, activations)


def groupcam(
    activations: Tensor, gradients: Tensor, images: Tensor, score: Score, groups: int = 32, kept: float = 0.3
) -> Tensor:
    """Group-CAM: S[k] = sum over groups of (p_k(x under the mask, blurred elsewhere) - p_k(blurred x)) times its mask.

    A mask is the ReLU of a group's channels, each weighted by its mean gradient as in Grad-CAM and summed; of its cells
    the largest 30 % are kept, enlarged and scaled to 0..1. A mask that is the same everywhere is left out.

    Source: Zhang, Rao and Yang, "Group-CAM", 2021, arXiv 2103.13859. The scores keep their sign, as in the authors'
    code; the ReLU follows the sum.

    Args:
        activations: A.
        gradients: G (B, K, C, h, w).
        images: x.
        score: images to logits.
        groups: of neighbouring channels; fewer where there are fewer channels.
        kept: share of cells.

    Returns:
        Signed map. Range: the reals, in probability.
    """
    evidence = gradients.mean(dim=(-2, -1), keepdim=True) * activations[:, None]  # (B, K, C, h, w)
    sums = torch.stack([part.sum(dim=2) for part in evidence.chunk(groups, dim=2)], dim=2).relu()  # (B, K, g, h, w)
    strong = sums > percentile(sums.flatten(3), 1 - kept)[..., None]
    masks = torch.where(strong, sums, 0)
    count, classes, each = masks.shape[:3]
    with torch.no_grad():
        behind = blurred(images)
        base = score(behind).float().softmax(dim=1)  # (B, K)
        found = masked_logits(score, images, masks.flatten(1, 2), behind=behind).softmax(dim=2)  # (B, K g, K)
    own = found.unflatten(1, (classes, each)).diagonal(dim1=1, dim2=3)  # (B, g, K)
    gain = own.transpose(1, 2) - base[:, :, None]
    low, high = _enlarged_range(masks.flatten(0, 2), (images.shape[2], images.shape[3]))
    low, high = (bound.view(count, classes, each, 1, 1) for bound in (low, high))
    scaled = torch.where(high > low, (masks - low) / torch.where(high > low, high - low, 1), 0)
    return (gain[..., None, None] * scaled).sum(dim=2)


def _enlarged_range(masks: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of every mask (N, h, w) once it is enlarged, (N,) each."""

    def run(rows: slice) -> Tensor:
        big = enlarged(masks[rows, None], size).flatten(1)
        return torch.stack([big.amin(dim=1), big.amax(dim=1)], dim=1)

    low, high = in_parts(len(masks), rows_within(BUDGET, 4 * 2 * size[0] * size[1]), run).unbind(dim=1)
    return low, high


def blurred(images: Tensor) -> Tensor:
    """Gaussian blur of 51 pixels and standard deviation 50, edges reflected; a smaller kernel where a side is short."""
    half = [min(BLUR // 2, side - 1) for side in images.shape[2:]]
    rows, columns = (_bell(n, images) for n in half)
    padded = F.pad(images, (half[1], half[1], half[0], half[0]), mode="reflect")
    channels = images.shape[1]
    across = F.conv2d(padded, columns.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, rows.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def _bell(half: int, like: Tensor) -> Tensor:
    places = torch.arange(-half, half + 1, device=like.device, dtype=like.dtype)
    weights = torch.exp(-(places / DEVIATION).square() / 2)
    return weights / weights.sum()
