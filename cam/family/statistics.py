"""Methods that read the activations' own structure: principal components and strong cells.

Those without gradients know no class; their map is the same for all K. A (B, C, h, w), G (B, K, C, h, w).
"""

import torch
from torch import Tensor

from cam.registry import MethodError

CELLS = 4096  # more of them make a kernel matrix too large


def every_class(maps: Tensor, classes: int) -> Tensor:
    """(B, h, w) for every class, (B, K, h, w)."""
    return maps[:, None].expand(-1, classes, -1, -1)


def eigencam(activations: Tensor, classes: int, centred: bool = False) -> Tensor:
    """Eigen-CAM: S = X v, X the cells of A as rows (h w, C), v its first right singular vector.

    The sign of v, which the decomposition leaves open, is the one with which S agrees with the channels' sum. 0 where A
    is.

    Source: Muhammad and Yeasin, "Eigen-CAM", IJCNN 2020, arXiv 2008.00299: the activations as they are.

    Args:
        activations: A.
        classes: K.
        centred: takes each channel's mean off first, as pytorch-grad-cam does.

    Returns:
        Signed map, all of one sign where A is, the same for every class. Range: the reals.
    """
    return every_class(principal(activations, centred), classes)


def eigengradcam(activations: Tensor, gradients: Tensor, centred: bool = False) -> Tensor:
    """Eigen-Grad-CAM: Eigen-CAM of G A instead of A, class by class.

    Source: the pytorch-grad-cam package; no paper of its own.

    Args:
        activations: A.
        gradients: G.
        centred: takes each channel's mean off first, as pytorch-grad-cam does.

    Returns:
        Signed map. Range: the reals, in logits.
    """
    evidence = (gradients * activations[:, None]).flatten(0, 1)
    return principal(evidence, centred).unflatten(0, gradients.shape[:2])


def principal(values: Tensor, centred: bool) -> Tensor:
    """Projection of the cells on the first right singular vector of values (N, C, h, w), (N, h, w)."""
    cells = values.flatten(2).transpose(1, 2).double()  # (N, hw, C)
    if centred:
        cells = cells - cells.mean(dim=1, keepdim=True)
    largest = _nonzero(cells.abs().amax(dim=(1, 2), keepdim=True))
    unit = cells / largest  # squares of tiny gradients would vanish
    if unit.shape[1] <= unit.shape[2]:  # eigenvectors of the smaller of the two products
        left, strength = _first(unit @ unit.transpose(1, 2))
        found = left * strength.clamp_min(0).sqrt()[:, None]
    else:
        found = (unit @ _first(unit.transpose(1, 2) @ unit)[0][..., None])[..., 0]
    return (_agreeing(found, unit.sum(dim=2)) * largest[..., 0]).unflatten(1, values.shape[2:]).float()


def kpcacam(activations: Tensor, classes: int) -> Tensor:
    """KPCA-CAM: S the cells' projection on the first kernel principal component, kernel tanh(<x, y> / C + 1).

    The cells, each channel's mean taken off, are the samples; the kernel is centred. Signed as in Eigen-CAM.

    Source: Karmani et al., "KPCA-CAM", 2024, arXiv 2410.00267, with the kernel of its code.

    Args:
        activations: A, of at most 4096 cells.
        classes: K.

    Returns:
        Signed map with mean 0, the same for every class. Range: the reals.

    Raises:
        MethodError: more cells.
    """
    height, width = activations.shape[2:]
    if height * width > CELLS:
        raise MethodError(
            f"KPCA-CAM compares every cell with every other; {height} x {width} are more "
            f"than {CELLS}, choose a deeper layer"
        )
    cells = activations.flatten(2).transpose(1, 2).double()
    moved = cells - cells.mean(dim=1, keepdim=True)
    kernel = torch.tanh(moved @ moved.transpose(1, 2) / cells.shape[2] + 1)
    kernel = (
        kernel
        - kernel.mean(dim=1, keepdim=True)
        - kernel.mean(dim=2, keepdim=True)
        + kernel.mean(dim=(1, 2), keepdim=True)
    )
    vector, strength = _first(kernel)
    found = _agreeing(vector * strength.clamp_min(0).sqrt()[:, None], moved.sum(dim=2))
    return every_class(found.unflatten(1, (height, width)).float(), classes)


def _first(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvector (N, n) with the largest eigenvalue, and that, (N,); NaN where a matrix is not finite."""
    sound = symmetric.isfinite().flatten(1).all(dim=1)
    values, vectors = torch.linalg.eigh(torch.where(sound[:, None, None], symmetric, 0))
    return vectors[..., -1].masked_fill(~sound[:, None], torch.nan), values[:, -1]


def _agreeing(found: Tensor, total: Tensor) -> Tensor:
    """Turned over where it points against the total, both (N, n)."""
    return torch.where((found * total).sum(dim=1, keepdim=True) < 0, -found, found)


def _nonzero(values: Tensor) -> Tensor:
    return torch.where(values != 0, values, 1)


def fem(activations: Tensor, classes: int, deviations: float = 2.0) -> Tensor:
    """FEM: S = sum_c m[c] (A[c] >= m[c] + 2 s[c]), m and s the channel's mean and standard deviation over the cells.

    A channel without any such cell, or that is the same everywhere, adds nothing.

    Source: Fuad et al., "Features Understanding in 3D CNNs for Actions Recognition in Video", IPTA 2020.

    Args:
        activations: A.
        classes: K.
        deviations: how many of them make a cell strong.

    Returns:
        Map, at least 0 where the channels' means are, the same for every class, in the activations' unit.
    """
    mean = activations.mean(dim=(-2, -1), keepdim=True)
    deviation = activations.std(dim=(-2, -1), keepdim=True, correction=0)
    varies = activations.amax(dim=(-2, -1), keepdim=True) > activations.amin(dim=(-2, -1), keepdim=True)
    strong = (activations >= mean + deviations * deviation) & varies
    return every_class((mean * strong).sum(dim=1), classes)
