"""Grad-CAM as one writes it by hand, to compare with: a pass there and back for every class, nothing shared."""

import torch
from torch import Tensor

from weights import Classifier


def naive_gradcam(classifier: Classifier, images: Tensor, layer: str, lies: str = "map") -> Tensor:
    """S[k] = sum_c mean(dz_k / dA[c]) A[c] with a backward pass per class, signed, (B, K, h, w).

    The logit of a class is written out: the logsumexp of the group's outputs, or the output itself.

    Args:
        classifier: in evaluation mode.
        images: (B, 3, H, W) in [0, 1].
        layer: name of a module that runs once.
        lies: map, channels_last, or tokens with one class token before a square of them.
    """
    kept: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: Tensor) -> Tensor:
        output.retain_grad()
        kept.append(output)
        return output.clone()  # what follows may write into it

    handle = classifier.network.get_submodule(layer).register_forward_hook(keep)
    maps = []
    try:
        for number in range(len(classifier.classes)):
            entering = classifier.normalise(images).requires_grad_()
            logit(classifier, classifier.network(entering), number).sum().backward()
            output = kept.pop()
            gradient = output.grad
            if gradient is None:
                raise ValueError(f"no gradient reaches layer '{layer}'")
            weights = as_map(gradient, lies).mean(dim=(2, 3), keepdim=True)
            maps.append((weights * as_map(output.detach(), lies)).sum(dim=1))
    finally:
        handle.remove()
    return torch.stack(maps, dim=1)


def logit(classifier: Classifier, outputs: Tensor, number: int) -> Tensor:
    """Of one class, (B,), from the outputs (B, N) of the network."""
    groups = classifier.checkpoint.groups
    return outputs[:, list(groups[number])].logsumexp(dim=1) if groups else outputs[:, number]


def as_map(values: Tensor, lies: str) -> Tensor:
    """(B, C, h, w) of an output, or of its gradient."""
    if lies == "channels_last":
        return values.permute(0, 3, 1, 2)
    if lies == "tokens":
        cells = values[:, 1:]
        side = int(cells.shape[1] ** 0.5)
        return cells.reshape(len(values), side, side, -1).permute(0, 3, 1, 2)
    return values


def largest_difference(maps: Tensor, others: Tensor) -> float:
    """How far signed maps (B, K, h, w) are apart: max |S - S'| / max |S'|, the largest of all images and classes.

    The ReLU of maps cannot differ by more.

    Raises:
        ValueError: a map that is 0 everywhere, which shows nothing.
    """
    largest = others.abs().amax(dim=(2, 3))
    if not (largest > 0).all():
        raise ValueError("a map is 0 everywhere: nothing to compare")
    return float(((maps - others).abs().amax(dim=(2, 3)) / largest).max())
