"""Substrates: what a deleted pixel shows, and what an insertion starts from."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

KERNEL_SIZE = 11
KERNEL_SIGMA = 5.0


def mean_substrate(images: Tensor, mean: Sequence[float]) -> Tensor:
    """The mean colour everywhere: 0 in normalised space.

    Args:
        images: (B, 3, H, W) in [0, 1].
        mean: the three channel means of the normalisation.

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    return _colour(images, mean).expand_as(images).contiguous()


def blur_substrate(images: Tensor, mean: Sequence[float]) -> Tensor:
    """The blurred image of RISE: its 11 x 11 kernel as a zero-padded convolution in normalised space.

    The kernel is `scipy.ndimage.gaussian_filter` (sigma 5) of a unit impulse on an 11 x 11 grid, nearly a box
    because the filter reflects at the border of the grid. The standard deviation cancels, so only the mean is needed:
    blur(x) = K * (x - mean) + mean. Source: Petsiuk et al., "RISE", BMVC 2018, and its reference code.

    Args:
        images: (B, 3, H, W) in [0, 1].
        mean: the three channel means of the normalisation.

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    colour = _colour(images, mean)
    kernel = torch.as_tensor(rise_kernel_1d(), dtype=images.dtype, device=images.device)
    channels = images.shape[1]
    vertical = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    horizontal = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    half = KERNEL_SIZE // 2
    blurred = F.conv2d(images - colour, vertical, padding=(half, 0), groups=channels)
    blurred = F.conv2d(blurred, horizontal, padding=(0, half), groups=channels)
    return (blurred + colour).clamp_(0, 1)


def rise_kernel_1d() -> np.ndarray:
    """The factor k of the separable RISE kernel k k^T, (11,), sum 1; centre to corner of the product is 1.14."""
    impulse = np.zeros(KERNEL_SIZE)
    impulse[KERNEL_SIZE // 2] = 1.0
    return ndimage.gaussian_filter1d(impulse, KERNEL_SIGMA)


def _colour(images: Tensor, mean: Sequence[float]) -> Tensor:
    return torch.as_tensor(mean, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)


SUBSTRATES = {"mean": mean_substrate, "blur": blur_substrate}
