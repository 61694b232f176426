"""The attention maps of a transformer, and what every block's own answer owes to them: for methods that ask for them.

A block is a module that attends once and gives tokens (B, T, C). Its attention A = softmax(q k^T / sqrt(d)), (B, H, T,
T) for H heads, is taken where torch computes it: in `scaled_dot_product_attention`, which torchvision's and timm's
networks call. A network that computes attention otherwise, or within windows, is refused.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cam.form import Form
from cam.passes import BUDGET, differentiable, rows_within
from cam.registry import MethodError

COPIES = 4  # of an attention map that are in memory at once, with its gradients


@dataclass(frozen=True)
class Attended:
    """Of some images, from the first block to the last.

    Attributes:
        probabilities: A of every block, (B, H, T, T); rows are queries and sum to 1.
        gradients: what was made of dz_k / dA (B, H, T, T) of every block and class, (B, K, ...), where z is what the
            head makes of the block's own tokens in the place of the last one's; empty where not wanted.
        classes: K.
        prefix: tokens before those of the cells, the class token first.
        grid: (h, w) of the cells.
    """

    probabilities: list[Tensor]
    gradients: list[Tensor]
    classes: int
    prefix: int
    grid: tuple[int, int]

    def cells(self, tokens: Tensor) -> Tensor:
        """Values of tokens (..., T) as (..., h, w), without those of the prefix."""
        return tokens[..., self.prefix :].unflatten(-1, self.grid)


Reduction = Callable[[Attended], Tensor]
OfGradient = Callable[[Tensor], Tensor]


class Attention:
    """Finds the blocks of a network once, and runs them for methods over attention."""

    def __init__(self, model: nn.Module, network: nn.Module) -> None:
        self.model, self.network = model, network
        self._blocks: list[nn.Module] | None = None

    def __call__(
        self, reduce: Reduction, images: Tensor, layer: str, form: Form, classes: int, gradient: OfGradient | None
    ) -> Tensor:
        """What `reduce` makes of the attention of the images, in parts that fit the memory.

        Args:
            reduce: the attention of some images to one row each.
            images: what the model expects, (B, 3, H, W).
            layer: the tapped one, for the message.
            form: of its output.
            classes: K.
            gradient: what to make of each gradient, so that not all are kept; None where they are not wanted.

        Raises:
            MethodError: no transformer whose attention can be had.
        """
        if form.kind != "tokens":
            raise MethodError(
                f"attention is defined for vision transformers tapped at tokens; '{layer}' of this network gives "
                "maps of another kind; choose another method"
            )
        blocks, (heads, tokens) = self._found(images[:1])
        if tokens != form.prefix + math.prod(form.grid):
            raise MethodError(
                f"attention is over {tokens} tokens, '{layer}' has {form.prefix} and {form.grid[0]} x {form.grid[1]} "
                "cells; tap a layer with as many"
            )
        size = rows_within(BUDGET, 4 * COPIES * len(blocks) * heads * tokens**2)
        parts = []
        for part in images.split(size):
            found = self._run(part, blocks, classes, gradient)
            parts.append(reduce(Attended(*found, classes, form.prefix, form.grid)))
        return torch.cat(parts)

    def _run(
        self, images: Tensor, blocks: Sequence[nn.Module], classes: int, gradient: OfGradient | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """A of every block, and its gradients."""
        outputs: list[Tensor] = []
        found = []
        with differentiable(self.model):
            with _recorded() as seen, ExitStack() as hooks:
                for block in blocks:
                    hooks.callback(block.register_forward_hook(_cut(outputs)).remove)
                self.model(images)
            if gradient is not None:
                for attention, tokens in zip(seen, outputs, strict=True):
                    with _answering(blocks, tokens):
                        logits = self.model(images).float()
                    own = [gradient(_gradient(logits[:, k], attention)) for k in range(classes)]
                    found.append(torch.stack(own, dim=1))
        return [attention.detach().float() for attention in seen], found

    def _found(self, image: Tensor) -> tuple[list[nn.Module], tuple[int, int]]:
        """The blocks in the order they run; heads and tokens of their attention."""
        ended: list[tuple[str, nn.Module, int, int]] = []  # name, module, attention maps before and after it ran
        with torch.no_grad(), differentiable(self.model), _recorded() as seen, ExitStack() as hooks:
            began: dict[str, int] = {}
            for name, module in self.network.named_modules():
                if name:
                    before, after = _watch(name, began, ended, seen)
                    hooks.callback(module.register_forward_pre_hook(before).remove)
                    hooks.callback(module.register_forward_hook(after).remove)
            self.model(image)
        once = [(name, module, start) for name, module, start, end in ended if end == start + 1]
        outer = [one for one in once if not any(one[0].startswith(f"{other[0]}.") for other in once)]
        blocks = [module for _, module, _ in sorted(outer, key=lambda one: one[2])]
        shapes = {attention.shape[1:] for attention in seen}
        if not seen or len(blocks) != len(seen) or len(set(map(id, blocks))) != len(blocks) or len(shapes) > 1:
            raise MethodError(
                f"attention needs blocks that each attend once, through torch's scaled_dot_product_attention, to all "
                f"tokens; found {len(seen)} attention maps in {len(blocks)} such blocks; choose another method"
            )
        ((heads, tokens, _),) = shapes
        return blocks, (heads, tokens)


def _watch(
    name: str, began: dict[str, int], ended: list[tuple[str, nn.Module, int, int]], seen: list[Tensor]
) -> tuple[Callable[..., None], Callable[..., None]]:
    """Hooks that note how many attention maps there were before and after a module ran that gives tokens."""

    def before(_module: nn.Module, _inputs: object) -> None:
        began[name] = len(seen)

    def after(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 3:
            ended.append((name, module, began[name], len(seen)))

    return before, after


def _cut(outputs: list[Tensor]) -> Callable[..., Tensor]:
    """A hook that keeps a block's tokens and hands on a copy without their graph, so that each block owes its own."""

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        outputs.append(output)
        return output.detach()

    return hook


def _gradient(values: Tensor, attention: Tensor) -> Tensor:
    """Of the sum of (B,) values; 0 where they do not depend on it."""
    if not values.requires_grad:
        return torch.zeros_like(attention)
    (found,) = torch.autograd.grad(values.sum(), attention, retain_graph=True, allow_unused=True)
    return torch.zeros_like(attention) if found is None else found.float()


@contextmanager
def _answering(blocks: Sequence[nn.Module], tokens: Tensor) -> Iterator[None]:
    """Every block gives these tokens, whatever it is given, and nothing of it runs."""
    try:
        for block in blocks:
            block.forward = lambda *_args, **_named: tokens
        yield
    finally:
        for block in blocks:
            block.__dict__.pop("forward", None)


@contextmanager
def _recorded() -> Iterator[list[Tensor]]:
    """Every attention map that torch computes, in order, each the start of the graph that leads on from it."""
    seen: list[Tensor] = []
    usual, fast = F.scaled_dot_product_attention, torch.backends.mha.get_fastpath_enabled()

    def attend(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *_args: Any, **named: Any
    ) -> Tensor:
        mask = named.get("attn_mask", attn_mask)
        scale = named.get("scale") or 1 / math.sqrt(query.shape[-1])
        scores = query @ key.transpose(-2, -1) * scale
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        seen.append(scores.softmax(dim=-1).detach().requires_grad_(torch.is_grad_enabled()))
        return seen[-1] @ value

    torch.backends.mha.set_fastpath_enabled(value=False)  # it computes attention where nothing sees it
    F.scaled_dot_product_attention = attend
    try:
        yield seen
    finally:
        F.scaled_dot_product_attention = usual
        torch.backends.mha.set_fastpath_enabled(fast)
