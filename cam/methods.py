"""Class activation map methods: pure functions of activations and gradients.

Every method takes activations A (B, C, h, w) and gradients G (B, K, C, h, w) and returns the signed score map S
(B, K, h, w) before the final ReLU; `cam.maps.Maps.raw` applies it.
"""

import torch
from torch import Tensor


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: S[k] = sum_c a[k, c] A[c] with a[k, c] = mean over cells of G[k, c].

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks", ICCV 2017, equations 1 and 2.

    Args:
        activations: A, (B, C, h, w).
        gradients: G, (B, K, C, h, w), of the logits.

    Returns:
        Signed map (B, K, h, w); its ReLU is Grad-CAM. Range: the reals, in logits.
    """
    weights = gradients.mean(dim=(-2, -1))  # (B, K, C)
    return torch.einsum("bkc,bchw->bkhw", weights, activations)


def layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM: S[k] = sum_c ReLU(G[k, c]) * A[c], cell by cell.

    Never negative where the activations are not, as after a ReLU.

    Source: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE TIP 2021,
    equations 5 to 7.

    Args:
        activations: A, (B, C, h, w).
        gradients: G, (B, K, C, h, w), of the logits.

    Returns:
        Signed map (B, K, h, w); its ReLU is LayerCAM. Range: the reals, in logits.
    """
    return (gradients.relu() * activations[:, None]).sum(dim=2)  # (B, K, h, w)
