"""Methods over the attention of a transformer's blocks; networks without are refused (see `cam.attention`)."""

from collections.abc import Callable

import torch
from torch import Tensor

from cam.attention import Attended

Attention = Callable[..., Tensor]


def legrad(attention: Attention) -> Tensor:
    """LeGrad: S[k] = mean over blocks, heads and queries i of ReLU(dz_k / dA)[i, j], at the tokens j of the cells.

    z is what the network's head makes of the block's own tokens, so that every block is asked what it owes to its own
    attention. The paper then scales to 0..1; here the map keeps its size.

    Source: Bousselham et al., "LeGrad", ICCV 2025, arXiv 2404.03214, equations 5 to 9.

    Args:
        attention: a reduction to what it makes of the attention.

    Returns:
        Map, at least 0.
    """

    def reduce(found: Attended) -> Tensor:
        return found.cells(torch.stack(found.gradients).mean(dim=0))  # of (B, K, T)

    return attention(reduce, lambda gradient: gradient.relu().mean(dim=(1, 2)))


def rollout(attention: Attention) -> Tensor:
    """Attention rollout: what the class token takes from every cell, R = product over blocks of (A + I) / 2.

    A is the mean over heads, the last block stands first; the row of the class token, or the mean of all rows of a
    network without. It is the same for every class.

    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, arXiv 2005.00928, section 3.

    Args:
        attention: a reduction to what it makes of the attention.

    Returns:
        Map, shares of at most 1.
    """

    def reduce(found: Attended) -> Tensor:
        tokens = found.probabilities[0].shape[-1]
        same = torch.eye(tokens, device=found.probabilities[0].device)
        rolled = same.expand(len(found.probabilities[0]), -1, -1)
        for attended in found.probabilities:
            rolled = (attended.mean(dim=1) + same) / 2 @ rolled
        row = rolled[:, 0] if found.prefix else rolled.mean(dim=1)
        maps: Tensor = found.cells(row)
        return maps[:, None].repeat(1, found.classes, 1, 1)

    return attention(reduce)
