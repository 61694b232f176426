"""The classifier every other package sees: images in [0, 1] to logits, normalisation inside."""

from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from weights.heads import Head
from weights.preprocess import LUMA, Preprocess


@dataclass(frozen=True)
class Checkpoint:
    """Where a classifier's weights come from.

    Attributes:
        name: file name without its ending.
        path: of the file.
        arch: name of the architecture.
        classes: in the order of the logits.
        sha256: of the file.
        preprocess: what images go through first.
        parameters: how many there are.
        groups: the network's outputs that make each class, in the order of `classes`; empty where the outputs are the
            classes.
        output: name or index of the part of what the network returns that holds its outputs; None: found by its shape.
        notes: what was assumed because nothing said otherwise, or left out.
        warnings: what is probably wrong, such as two sources that contradict each other about the class order.
    """

    name: str
    path: str
    arch: str
    classes: tuple[str, ...]
    sha256: str
    preprocess: Preprocess
    parameters: int
    groups: tuple[tuple[int, ...], ...] = ()
    output: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Classifier(nn.Module):
    """A network with its normalisation: images (B, 3, H, W) in [0, 1] to logits (B, K) float32.

    Computes head(network((x - mean) / std)) in the network's type, wherever the network is. With one mean and one std x
    is the image's grey, 0.299 R + 0.587 G + 0.114 B. Frozen, in evaluation mode.

    Attributes:
        network: takes normalised images; its layers are what a tap names.
        head: from what the network returns to logits.
        checkpoint: where its weights come from.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = network
        self.checkpoint = checkpoint
        self.head = Head(checkpoint.classes, checkpoint.groups, checkpoint.output)
        std = torch.tensor(checkpoint.preprocess.std, dtype=torch.float64).view(1, -1, 1, 1)
        mean = torch.tensor(checkpoint.preprocess.mean, dtype=torch.float64).view(1, -1, 1, 1)
        like = next(
            (t for t in chain(network.parameters(), network.buffers()) if t.is_floating_point()), torch.empty(0)
        )
        self.register_buffer("scale", (1 / std).to(like), persistent=False)
        self.register_buffer("shift", (-mean / std).to(like), persistent=False)
        self.head.to(like.device)
        self.eval().requires_grad_(False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return self.checkpoint.classes

    def normalise(self, images: Tensor) -> Tensor:
        """(x - mean) / std of images (B, 3, H, W) in [0, 1], in the network's type; (B, 1, H, W) of their grey."""
        if self.scale.shape[1] == 1:
            red, green, blue = images.unbind(dim=1)
            images = (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]
        return torch.addcmul(self.shift, images.to(self.scale.dtype), self.scale)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) float32 of images (B, 3, H, W) in [0, 1]."""
        logits: Tensor = self.head(self.network(self.normalise(images)), len(images))
        return logits
