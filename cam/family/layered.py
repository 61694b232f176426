"""Methods that put maps of several layers together: which layers, the method says itself (see `cam.across`).

The stages are the last layers at each resolution, the tapped one among them, whatever else is tapped. The result lies
on the tapped layer's grid: averaged over its cells where that is coarser. Tap a shallow layer to see it finer.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from cam.across import Stage
from cam.family.masking import Score, masked_logits
from cam.family.scaling import finest, percentile, resized, unit
from cam.family.weights import gradcam_plusplus, weighted
from cam.methods import gradcam, layercam

Across = Callable[..., list[tuple[Tensor, ...]]]


def _of_stages(across: Across, method: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """The method's raw maps (B, K, h, w) at every stage, from shallow to deep."""
    return [maps for (maps,) in across("stages", lambda at: (method(at.activations, at.gradients).relu(),))]


def layercam_fused(across: Across, size: tuple[int, int], sharpness: float = 2.0) -> Tensor:
    """LayerCAM, fused: S = cell-wise largest over stages of M / max M, shallow ones as tanh(2 M / max M).

    All stages but the deepest are shallow. A map of zeros stays one.

    Source: Jiang et al., "LayerCAM", IEEE TIP 2021, section III-D, equation 9.

    Args:
        across: maps at the stages.
        size: (h, w) of the result.
        sharpness: gamma.

    Returns:
        Map from 0 to 1.
    """
    maps = _of_stages(across, layercam)
    shares = [_share(found) for found in maps]
    scaled = [torch.tanh(sharpness * share) for share in shares[:-1]] + shares[-1:]
    fine = finest(maps)
    return resized(torch.stack([resized(one, fine) for one in scaled]).amax(dim=0), size)


def _share(maps: Tensor) -> Tensor:
    high = maps.amax(dim=(-2, -1), keepdim=True)
    return maps / torch.where(high > 0, high, 1)


def refinecam(across: Across, size: tuple[int, int]) -> Tensor:
    """RefineCAM: S = product over stages of Grad-CAM++ maps, each scaled to 0..1 and enlarged.

    0 wherever the map of one stage is the same everywhere.

    Source: Domeniconi et al., "How to Evaluate and Refine your CAM", 2026, arXiv 2605.14641.

    Args:
        across: maps at the stages.
        size: (h, w) of the result.

    Returns:
        Map from 0 to 1.
    """
    maps = _of_stages(across, gradcam_plusplus)
    fine = finest(maps)
    return resized(torch.stack([resized(unit(found), fine) for found in maps]).prod(dim=0), size)


def polycam(activations: Tensor, images: Tensor, score: Score, across: Across, kind: str) -> Tensor:
    """Poly-CAM: S = product from deep to shallow of ReLU(sum_c a[k, c] A[c]), each but the first locally normalised.

    a is p_k(x * mask) for "+", ReLU(p_k(x) - p_k(x * (1 - mask))) for "-", and ReLU of the sum of both, the second
    with its sign, for "+-"; masks as in Score-CAM. A finer map is divided by its own mean over the cells of the coarser
    map, interpolated, and multiplied by that map, interpolated.

    Source: Englebert, Cornu and De Vleeschouwer, "Poly-CAM", 2022, arXiv 2204.13359.

    Args:
        activations: A, for the grid of the result.
        images: x.
        score: images to logits.
        across: activations at the stages.
        kind: "+", "-" or "+-".

    Returns:
        Map, at least 0.
    """
    with torch.no_grad():
        whole = score(images).float().softmax(dim=1)[:, None]  # (B, 1, K)
    product: Tensor | None = None
    for (channels,) in reversed(across("stages", lambda at: (at.activations,), gradients=False)):
        weights = _poly_weights(score, images, channels, whole, kind)
        found = weighted(weights.transpose(1, 2), channels).relu()
        if product is not None:
            fine = (found.shape[2], found.shape[3])
            local = resized(resized(found, (product.shape[2], product.shape[3])), fine)
            found = torch.where(local > 0, found / torch.where(local > 0, local, 1), 0) * resized(product, fine)
        product = found
    assert product is not None  # there is at least one stage
    return resized(product, (activations.shape[2], activations.shape[3]))


def _poly_weights(score: Score, images: Tensor, channels: Tensor, whole: Tensor, kind: str) -> Tensor:
    """Of every channel, (B, C, K)."""
    total = torch.zeros((), device=images.device)
    if "+" in kind:
        total = total + masked_logits(score, images, channels).softmax(dim=2)
    if "-" in kind:
        total = total + whole - masked_logits(score, images, channels, lambda mask: 1 - unit(mask)).softmax(dim=2)
    return total.relu()


def winsorcam(across: Across, size: tuple[int, int], cut: float = 0.99) -> Tensor:
    """Winsor-CAM: S = sum over all convolutions of weight times Grad-CAM's map scaled to 0..1.

    A layer's importance is the mean over channels of Grad-CAM's weights, 0 where that is negative. Importances above 0
    are cut at their 99th percentile and scaled to 0.1..1; a single value becomes 1.

    Source: Wall et al., "Winsor-CAM", IEEE TPAMI 2026, arXiv 2507.10846. Maps are resized bilinearly.

    Args:
        across: maps and importances at the convolutions.
        size: (h, w) of the result.
        cut: percentile, 0 to 1.

    Returns:
        Map, at least 0; all 0 where no layer is important.
    """
    found = across("convolutions", _winsor)
    maps, importance = [maps for maps, _ in found], torch.stack([weight for _, weight in found], dim=2)
    weights = winsorised(importance.relu(), cut)  # (B, K, L)
    fine = finest(maps)
    total = sum(
        (weights[:, :, i, None, None] * resized(unit(one), fine) for i, one in enumerate(maps)), torch.zeros(())
    )
    return resized(total, size)


def _winsor(at: Stage) -> tuple[Tensor, Tensor]:
    return gradcam(at.activations, at.gradients).relu(), at.gradients.mean(dim=(2, 3, 4))


def winsorised(importance: Tensor, cut: float) -> Tensor:
    """Positive values (..., L) cut at a percentile of themselves and scaled to 0.1..1; what is 0 stays 0."""
    there = importance > 0
    count = there.sum(dim=-1, keepdim=True).clamp_min(1)
    bound = percentile(importance.masked_fill(~there, torch.inf), cut, count)
    values = importance.minimum(bound)
    low = values.masked_fill(~there, torch.inf).amin(dim=-1, keepdim=True)
    high = values.amax(dim=-1, keepdim=True)
    scaled = torch.where(high > low, 0.1 + 0.9 * (values - low) / torch.where(high > low, high - low, 1), 1)
    return torch.where(there, scaled, 0)


def fullgrad(across: Across, size: tuple[int, int]) -> Tensor:
    """FullGrad: S = psi(x g) summed over colours + sum over layers and channels of psi(b G).

    x is what enters the network, g its gradient, b what a layer adds to a channel and G the gradient there; psi takes
    the absolute value, scales it over all channels of a layer to 0..1 and enlarges it. Biases of layers without a map
    are left out, as in the paper.

    Source: Srinivas and Fleuret, "Full-Gradient Representation", NeurIPS 2019, arXiv 1905.00780, equations 3 and 7.

    Args:
        across: gradients at all biases.
        size: (h, w) of the result.

    Returns:
        Map, at least 0.
    """
    maps = [maps for (maps,) in across("biases", _full)]
    fine = finest(maps)
    return resized(sum((resized(found, fine) for found in maps), torch.zeros(())), size)


def _full(at: Stage) -> tuple[Tensor]:
    factor = at.activations[:, None] if at.bias is None else at.bias[:, None, None]
    return (unit((factor * at.gradients).abs(), (-3, -2, -1)).sum(dim=2),)


polycam_plus, polycam_minus, polycam_both = (partial(polycam, kind=kind) for kind in ("+", "-", "+-"))
