"""Training a two-class network: augmentation, cosine schedule, the best epoch kept."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weights.classifier import Classifier
from weights.errors import WeightsError
from weights.transfer import LastLayer, parts

# Images (B, 3, H, W) in [0, 1], or features (B, C); and which classes they show, (B, K) bool.
Batches = Iterable[tuple[Tensor, Tensor]]

SCALES = (0.8, 1.15)  # augmentation: size,
SHIFT = 0.1  # place, as a share of the image,
LIGHT = 0.25  # brightness and contrast
WEIGHT_DECAY = 1e-4
WARM_UP = 100  # steps until the rate is full, at most a tenth of all


@dataclass(frozen=True)
class Epoch:
    """What an epoch ended with.

    Attributes:
        number: from 1.
        loss: mean cross-entropy over the training images.
        accuracy: on the images not trained on.
    """

    number: int
    loss: float
    accuracy: float


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored or not, resized, shifted, lighter or darker, with more or less contrast; (B, 3, H, W)."""
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        drawn = torch.rand(count, generator=generator) * (high - low) + low
        return drawn.to(images.device)

    size, mirror = uniform(*SCALES), (uniform(0, 1) < 0.5).float() * 2 - 1
    zero = torch.zeros_like(size)
    across = torch.stack([mirror / size, zero, uniform(-SHIFT, SHIFT) * 2], dim=1)
    down = torch.stack([zero, 1 / size, uniform(-SHIFT, SHIFT) * 2], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    mean = moved.mean(dim=(1, 2, 3), keepdim=True)
    contrast, brightness = (uniform(1 - LIGHT, 1 + LIGHT).view(-1, 1, 1, 1) for _ in range(2))
    return ((moved - mean) * contrast + mean * brightness).clamp(0, 1)


class Trainer:
    """Trains the network of a classifier, epoch by epoch; epoch n is the same after an interruption.

    Attributes:
        best: accuracy of the best epoch so far, and its weights.
    """

    def __init__(
        self,
        classifier: Classifier | LastLayer,
        *,
        epochs: int,
        steps: int,
        rate: float,
        seed: int,
        smoothing: float = 0.0,
        dropout: float | None = None,
        freeze: Sequence[str] = (),
        slow: tuple[str, float] | None = None,
    ) -> None:
        """Prepares the optimiser.

        Args:
            classifier: its network is trained; a last layer takes features instead of images, as they are.
            epochs: passes over the training images.
            steps: batches per epoch, for the schedule: a short linear rise, and a cosine to 0.
            rate: learning rate.
            seed: of augmentation and dropout.
            smoothing: of labels: margins are pinned at ln((1 - s / 2) / (s / 2)) instead of growing.
            dropout: share of units that dropout layers drop while training; None is the architecture's.
            freeze: layers that stay as they are, their statistics of batch normalisation too.
            slow: name of the last layer, and the learning rate of all others; None: the same for all.

        Raises:
            WeightsError: a layer to freeze that is not there, or nothing left to train.
        """
        self.classifier, self.epochs, self.seed, self.smoothing = classifier, epochs, seed, smoothing
        self.network = classifier.network.requires_grad_(True)
        self._frozen = parts(self.network, freeze)
        for part in self._frozen:
            part.requires_grad_(False)
        self._dropouts = {layer: layer.p for layer in self.network.modules() if isinstance(layer, nn.Dropout)}
        if dropout is not None:
            for layer in self._dropouts:
                layer.p = dropout
        self.optimizer = torch.optim.AdamW(self._groups(rate, slow), weight_decay=WEIGHT_DECAY)
        total = max(epochs * steps, 1)
        warm_up = min(WARM_UP, max(total // 10, 1))

        def share(step: int) -> float:
            return min(1, (step + 1) / warm_up) * (1 + math.cos(math.pi * min(step / total, 1))) / 2

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share)
        self.history: list[Epoch] = []
        self.best: tuple[float, dict[str, Tensor]] = (-1.0, {})

    def _groups(self, rate: float, slow: tuple[str, float] | None) -> list[dict[str, Any]]:
        """What is trained, with its rate."""
        trained = {name: each for name, each in self.network.named_parameters() if each.requires_grad}
        if not trained:
            raise WeightsError("freeze leaves nothing to train; name fewer layers")
        if slow is None:
            return [{"params": list(trained.values()), "lr": rate}]
        last = {name for name in trained if name.startswith(f"{slow[0]}.")}
        groups = ((last, rate), (trained.keys() - last, slow[1]))
        return [{"params": [trained[n] for n in trained if n in names], "lr": lr} for names, lr in groups if names]

    def run_epoch(self, training: Batches, held_out: Batches, advance: Callable[[int], None]) -> Epoch:
        """One pass over the training images, then the accuracy on the others; keeps the weights if they are the best.

        Args:
            training: batches.
            held_out: batches that are not trained on.
            advance: told how many images were done.
        """
        number = len(self.history) + 1
        torch.manual_seed(self.seed * 1_000_003 + number)  # dropout
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        device = next(self.network.parameters()).device
        self.network.train()
        for part in self._frozen:
            part.eval()
        total, count = 0.0, 0
        for images, present in training:
            moved = images.to(device)
            logits = self.classifier(augment(moved, generator) if isinstance(self.classifier, Classifier) else moved)
            share = present.to(device).float()
            share[share.sum(dim=1) == 0] = 1
            target = share / share.sum(dim=1, keepdim=True)  # both animals, or neither: as probable as each other
            loss = F.cross_entropy(logits, target, label_smoothing=self.smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total, count = total + float(loss.detach()) * len(images), count + len(images)
            advance(len(images))
        epoch = Epoch(number, total / max(count, 1), accuracy(self.classifier, held_out))
        self.history.append(epoch)
        if epoch.accuracy >= self.best[0]:  # of equally good ones the last, which the schedule has settled
            weights = self.network.state_dict()
            self.best = epoch.accuracy, {name: tensor.detach().clone() for name, tensor in weights.items()}
        return epoch

    def finish(self) -> Classifier | LastLayer:
        """The classifier with the best epoch's weights, ready for use."""
        self.network.load_state_dict(self.best[1])
        for layer, share in self._dropouts.items():
            layer.p = share
        self.network.eval().requires_grad_(False)
        return self.classifier

    def state(self) -> dict[str, object]:
        """All that is needed to go on; tensors, numbers and lists only."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [(epoch.number, epoch.loss, epoch.accuracy) for epoch in self.history],
            "best": list(self.best),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Goes back to a `state`."""
        content: dict[str, object] = state
        self.network.load_state_dict(content["network"])  # type: ignore[arg-type]
        self.optimizer.load_state_dict(content["optimizer"])  # type: ignore[arg-type]
        self.schedule.load_state_dict(content["schedule"])  # type: ignore[arg-type]
        self.history = [Epoch(*entry) for entry in content["history"]]  # type: ignore[attr-defined]
        self.best = tuple(content["best"])  # type: ignore[arg-type, assignment]


def accuracy(classifier: Classifier | LastLayer, batches: Batches) -> float:
    """Share of the images whose most probable class they show, dropout off; NaN for none."""
    network: nn.Module = classifier.network
    training = network.training
    network.eval()
    right = count = 0
    with torch.inference_mode():
        for images, present in batches:
            device = next(network.parameters()).device
            called = classifier(images.to(device)).argmax(dim=1).cpu()
            right += int(present.gather(1, called[:, None]).sum())
            count += len(images)
    network.train(training)
    return right / count if count else float("nan")
