"""Opti-CAM: channel weights found by gradient ascent."""

from collections.abc import Callable

import torch
from torch import Tensor

from cam.family.scaling import enlarged, unit

GradientOf = Callable[..., tuple[Tensor, Tensor]]
TOGETHER = 16  # classes of an image in one pass


def opticam(
    images: Tensor,
    classes: int,
    tap_again: Callable[[Tensor], tuple[Tensor, Tensor]],
    gradient_of: GradientOf,
    steps: int = 100,
    rate: float = 0.1,
) -> Tensor:
    """Opti-CAM: S[k] = sum_c a[k, c] A[c], a the softmax over channels that makes z_k(x * mask of S[k]) largest.

    The mask is S enlarged and scaled to 0..1. 100 steps of Adam from equal weights. The path is chaotic where the
    mask's extremes change places: rounding of the seventh digit moves a map by up to 10 %. So every image goes alone,
    A of its own pass and 16 classes at a time, and no batch decides.

    Source: Zhang et al., "Opti-CAM", CVIU 2024, arXiv 2301.07002, equations 9 to 13.

    Args:
        images: x (B, 3, H, W).
        classes: K.
        tap_again: A and G of other images.
        gradient_of: images and classes to logits and their gradients.
        steps: of Adam.
        rate: of learning.

    Returns:
        Map, never negative where A is not. Range: that of A.
    """
    found = [_climb(tap_again(one[None])[0][0], one, classes, gradient_of, steps, rate) for one in images]
    return torch.stack(found)


def _climb(channels: Tensor, image: Tensor, classes: int, gradient_of: GradientOf, steps: int, rate: float) -> Tensor:
    """S (K, h, w) of one image (3, H, W) with A (C, h, w)."""
    wanted = torch.arange(classes, device=image.device)
    with torch.inference_mode(False), torch.enable_grad():
        channels, image = channels.clone(), image.clone()
        free = torch.zeros(classes, len(channels), device=image.device)  # before the softmax
        adam = torch.optim.Adam([free], lr=rate)
        for _ in range(steps):
            weights = free.detach().softmax(dim=1).requires_grad_()
            large = enlarged(_combined(weights, channels), (image.shape[1], image.shape[2]))
            mask = unit(large)  # (K, 1, H, W)
            _, gradient = gradient_of((image * mask).detach(), wanted, together=TOGETHER)
            (rise,) = torch.autograd.grad(mask, weights, (gradient * image).sum(dim=1, keepdim=True))
            # The softmax would take off the weighted mean of the rises, which is 0: a mask knows no scale of its map.
            # Left to rounding, Adam would walk as far with it as with a gradient that is one.
            free.grad = -(weights * rise).detach()
            adam.step()
        return _combined(free.softmax(dim=1), channels)[:, 0].detach()


def _combined(weights: Tensor, channels: Tensor) -> Tensor:
    """(K, 1, h, w)."""
    return torch.einsum("kc,chw->khw", weights, channels)[:, None]
