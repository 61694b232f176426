"""Substrates: what a deleted pixel shows, and what an insertion starts from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from cam.seeds import drawn
from metrics.imputation import IMPUTED, imputation_noise
from metrics.smoothing import gaussian

KERNEL_SIZE = 11
KERNEL_SIGMA = 5.0
STRONG = 14  # the shorter side holds so many standard deviations of the strong Gaussian, and so many shuffled patches
BLUR = "blur"  # of RISE: what SRG is scored under whatever else is tried


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


def gaussian_substrate(images: Tensor) -> Tensor:
    """The image after a Gaussian of a fourteenth of its shorter side (16 of 224 pixels), mirrored at the borders."""
    return gaussian(images, min(images.shape[-2:]) / STRONG)


def noise_substrate(images: Tensor, ids: Sequence[str], seed: int) -> Tensor:
    """Every number uniform in [0, 1); the image's id and the seed decide. Shape of the images."""
    shape = tuple(images.shape[1:])
    return drawn(ids, seed, lambda generator: generator.random(shape), "noise").to(images)


def shuffled_substrate(images: Tensor, ids: Sequence[str], seed: int) -> Tensor:
    """The image's own patches, a fourteenth of its shorter side wide, in a random order that id and seed decide.

    Where patches do not divide the image, it is mirrored beyond its border first, and cut to its size at the end.
    """
    height, width = images.shape[-2:]
    side = max(min(height, width) // STRONG, 1)
    rows, columns = -(-height // side), -(-width // side)
    padded = F.pad(images, (0, columns * side - width, 0, rows * side - height), mode="reflect")
    patches = padded.unfold(2, side, side).unfold(3, side, side).flatten(2, 3)  # (B, 3, rows * columns, side, side)
    order = drawn(ids, seed, lambda generator: generator.permutation(rows * columns), "shuffle").to(images.device)
    mixed = patches.gather(2, order[:, None, :, None, None].expand_as(patches))
    whole = mixed.unflatten(2, (rows, columns)).permute(0, 1, 2, 4, 3, 5).flatten(4, 5).flatten(2, 3)
    return whole[..., :height, :width].contiguous()


def _colour(images: Tensor, mean: Sequence[float]) -> Tensor:
    return torch.as_tensor(mean, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)


@dataclass(frozen=True)
class Substrate:
    """A registry entry.

    Attributes:
        made: images (B, 3, H, W), mean colour, ids and seed to what missing pixels are made of, (B, 3, H, W).
        title: with "under the" before it.
        meaning: one line.
    """

    made: Callable[[Tensor, Sequence[float], Sequence[str], int], Tensor]
    title: str
    meaning: str


SUBSTRATES = {
    BLUR: Substrate(
        lambda images, mean, _ids, _seed: blur_substrate(images, mean),
        "blur of RISE",
        f"gaussian_filter of an {KERNEL_SIZE}x{KERNEL_SIZE} impulse, sigma {KERNEL_SIGMA}, zeros around",
    ),
    "mean": Substrate(
        lambda images, mean, _ids, _seed: mean_substrate(images, mean), "mean colour", "0 in normalised space"
    ),
    "gaussian": Substrate(
        lambda images, _mean, _ids, _seed: gaussian_substrate(images),
        "strong Gaussian",
        f"Gaussian of 1/{STRONG} of the shorter side, mirrored at the borders",
    ),
    "noise": Substrate(
        lambda images, _mean, ids, seed: noise_substrate(images, ids, seed),
        "uniform noise",
        "every number uniform in [0, 1), by PCG64 of SHA-256(seed:image_id:noise)",
    ),
    "shuffle": Substrate(
        lambda images, _mean, ids, seed: shuffled_substrate(images, ids, seed),
        "shuffled patches",
        f"the image's patches of 1/{STRONG} of its shorter side in an order by PCG64 of SHA-256(seed:image_id:shuffle)",
    ),
    IMPUTED: Substrate(
        lambda images, _mean, ids, seed: imputation_noise(images, ids, seed),
        "infill from neighbours",
        "missing pixels imputed from those that are left, with a little noise (Rong et al. 2022)",
    ),
}
