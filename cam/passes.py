"""Passes of the network beyond the one that all maps share: for methods that ask for them.

All of them leave hooks, modes and parameters as they were, work in parts that fit `BUDGET`, and give the same whatever
the parts are.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cam.head import Head
from cam.tap import Tapped, frozen

BUDGET = 2**28  # bytes that what one part of a batch needs may take, roughly


@contextmanager
def differentiable(model: nn.Module) -> Iterator[None]:
    """A graph is kept for what is marked, whatever the caller's mode; no parameter needs a gradient."""
    with torch.inference_mode(False), torch.enable_grad(), frozen(model):
        yield


def tap_again(
    tapped: Callable[[Tensor, Sequence[str]], Tapped], layer: str, images: Tensor, batch_size: int
) -> tuple[Tensor, Tensor]:
    """A (B, C, h, w) and G (B, K, C, h, w) at a layer for other images (B, 3, H, W)."""
    taps = [tapped(part, (layer,)) for part in images.split(batch_size)]
    return torch.cat([found.activations[layer] for found in taps]), torch.cat(
        [found.gradients[layer] for found in taps]
    )


def gradient_of(model: nn.Module, images: Tensor, classes: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """Logits (N,) of one class per image, and their gradients with respect to the images, (N, 3, H, W).

    Args:
        model: images to logits.
        images: (N, 3, H, W).
        classes: of every image, (N,).
        batch_size: images at a time.
    """
    values, gradients = [], []
    for part, wanted in zip(images.split(batch_size), classes.split(batch_size), strict=True):
        with differentiable(model):
            leaf = part.detach().clone().requires_grad_()
            chosen = model(leaf).float().gather(1, wanted[:, None].clone())[:, 0]
            (gradient,) = torch.autograd.grad(chosen.sum(), leaf)
        values.append(chosen.detach())
        gradients.append(gradient.float())
    return torch.cat(values), torch.cat(gradients)


def entering(model: nn.Module, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """What enters the network, x (B, 3, H, W), and the gradient of every class's logit there, (B, K, 3, H, W).

    Args:
        model: images (B, 3, H, W) to logits; a wrapper that normalises them, or the network itself.
        network: whose input is meant.
        images: what the model expects.
    """
    seen: list[Tensor] = []

    def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        seen.append(inputs[0].detach().clone().requires_grad_())
        return (seen[-1].clone(), *inputs[1:])

    handle = network.register_forward_pre_hook(hook)
    try:
        with differentiable(model):
            logits = model(images)
            found = [torch.autograd.grad(one, seen[-1], retain_graph=True)[0] for one in logits.sum(dim=0)]
    finally:
        handle.remove()
    return seen[-1].detach().float(), torch.stack(found, dim=1).float()


def curvature(head: Head, activations: Tensor, images: Tensor, batch_size: int) -> Tensor:
    """H_k A for every class k, with H_k the Hessian of z_k at the layer, (B, K, C, h, w).

    0 where what follows the layer is linear in pieces, as behind ReLU and max pooling it is.

    Args:
        head: the rest of the network.
        activations: A, (B, C, h, w).
        images: of the batch.
        batch_size: images at a time.
    """
    parts = zip(activations.split(batch_size), images.split(batch_size), strict=True)
    return torch.cat([_curvature(head, *part) for part in parts])


def _curvature(head: Head, activations: Tensor, images: Tensor) -> Tensor:
    with differentiable(head.model):
        leaf = activations.detach().clone().requires_grad_()
        logits = head(leaf, images.clone(), len(leaf))
        products = []
        for one in logits.sum(dim=0):
            (gradient,) = torch.autograd.grad(one, leaf, create_graph=True)
            if gradient.requires_grad:
                along = (gradient * leaf.detach()).sum()
                (product,) = torch.autograd.grad(along, leaf, retain_graph=True, allow_unused=True)
                products.append(torch.zeros_like(leaf) if product is None else product)
            else:
                products.append(torch.zeros_like(leaf))
    return torch.stack(products, dim=1).detach()


def rows_within(budget: int, bytes_per_row: int) -> int:
    """How many rows fit, at least one."""
    return max(1, budget // max(1, bytes_per_row))


def in_parts(count: int, size: int, run: Callable[[slice], Tensor]) -> Tensor:
    """What `run` gives on slices of at most `size` of `count` rows, put together."""
    return torch.cat([run(slice(start, min(start + size, count))) for start in range(0, count, size)])
