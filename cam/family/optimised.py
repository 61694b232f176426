"""Opti-CAM: channel weights found by gradient ascent."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.family.scaling import unit

GradientOf = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def opticam(
    activations: Tensor, images: Tensor, classes: int, gradient_of: GradientOf, steps: int = 100, rate: float = 0.1
) -> Tensor:
    """Opti-CAM: S[k] = sum_c a[k, c] A[c], a the softmax over channels that makes z_k(x * mask of S[k]) largest.

    The mask is S enlarged and scaled to 0..1. 100 steps of Adam from equal weights.

    Source: Zhang et al., "Opti-CAM", CVIU 2024, arXiv 2301.07002, equations 9 to 13.

    Args:
        activations: A (B, C, h, w).
        images: x (B, 3, H, W).
        classes: K.
        gradient_of: images and classes to logits and their gradients.
        steps: of Adam.
        rate: of learning.

    Returns:
        Map, never negative where A is not. Range: that of A.
    """
    owner = torch.arange(len(images) * classes, device=images.device) // classes
    wanted = torch.arange(len(owner), device=images.device) % classes
    with torch.inference_mode(False), torch.enable_grad():
        channels, shown = activations[owner].clone(), images[owner].clone()
        free = torch.zeros(channels.shape[:2], device=images.device, requires_grad=True)  # before the softmax, (R, C)
        adam = torch.optim.Adam([free], lr=rate)
        for _ in range(steps):
            mask = unit(F.interpolate(_combined(free, channels), shown.shape[2:], mode="bilinear", align_corners=False))
            _, gradient = gradient_of((shown * mask).detach(), wanted)
            (rise,) = torch.autograd.grad(mask, free, (gradient * shown).sum(dim=1, keepdim=True))
            free.grad = -rise
            adam.step()
        found = _combined(free, channels).detach()
    return found[:, 0].unflatten(0, (len(images), classes))


def _combined(free: Tensor, channels: Tensor) -> Tensor:
    """(R, 1, h, w)."""
    return torch.einsum("rc,rchw->rhw", free.softmax(dim=1), channels)[:, None]
