"""Every class against its strongest rival."""

import torch
from torch import Tensor


def best_other(logits: Tensor) -> tuple[Tensor, Tensor]:
    """For every class the largest logit among the others, and whose it is; (..., K) to two (..., K), K at least 2."""
    values, indices = logits.topk(2, dim=-1)
    classes = torch.arange(logits.shape[-1], device=logits.device)
    leads = classes == indices[..., :1]
    return torch.where(leads, values[..., 1:], values[..., :1]), torch.where(leads, indices[..., 1:], indices[..., :1])


def margins(logits: Tensor) -> Tensor:
    """m_k = z_k - max over j != k of z_j, (..., K) to (..., K) float64."""
    exact = logits.double()
    return exact - best_other(exact)[0]


def rivals(logits: Tensor, present: Tensor) -> Tensor:
    """The class that each class is held against on each image: the strongest other one on the full image.

    On an image that shows several classes the strongest other one among those. With two classes it is the other one.

    Args:
        logits: z, (B, K).
        present: classes visible in the image, (B, K) bool.

    Returns:
        Class indices, (B, K) int64; never the class itself.
    """
    several = present.sum(dim=1, keepdim=True) > 1
    return best_other(logits.double().masked_fill(several & ~present, -torch.inf))[1]


def probabilities(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax probability of each row's target, (N, K) and (N,) to (N,) float64."""
    return logits.double().softmax(dim=1).gather(1, target[:, None])[:, 0]
