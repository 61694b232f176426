"""`cambench certify`: does a checkpoint use what drawn scenes say it should use, and do its gradients say so?"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import expit
from torch import Tensor

from bench.environment import make_deterministic, select_device
from bench.errors import ConfigError
from bench.layers import tapped_by_default
from cam import Network
from datasets.names import DEFAULT
from datasets.synthetic import WITHOUT, Scene, render, sample_scene
from metrics.margins import margins
from metrics.truth import HEAD, REST, certify_scenes
from weights import ARCHITECTURES, Classifier, load_classifier, tried

ACCURACY = 0.98  # least share of scenes called right
FIRST_ORDER = 0.7  # least share of the first-order credit near the head, of a network that stands for others
BATCH = 32
PARTS = ("head", "body", "background")

Array = np.ndarray


@dataclass(frozen=True)
class Certificate:
    """Margins of the right class on scenes of one animal.

    Attributes:
        margins: logit of the right class minus the other's on the scenes without the parts of the key, (n,) each: ()
            for the whole scenes, ("head",), ("head", "body") and so on for every choice of `PARTS`.
        credit: first-order share of every scene (see `first_order_share`), (n,); None: not asked for.
    """

    margins: Mapping[tuple[str, ...], Array]
    credit: Array | None = None

    @property
    def margin(self) -> Array:
        """Of the whole scenes, (n,)."""
        return self.margins[()]

    @property
    def accuracy(self) -> float:
        """Share of the scenes called right."""
        return float((self.margin > 0).mean())

    def change(self, part: str) -> Array:
        """|margin - margin without the part| / |margin|, (n,)."""
        return np.asarray(np.abs(self.margin - self.margins[(part,)]) / np.abs(self.margin))

    def effect(self, part: str) -> Array:
        """Shapley value of a part among head, body and background in the right class's probability, (n,).

        The mean, over all orders in which the three come into the scene, of what the part adds when it comes: a network
        whose margin is pinned while the head is there is asked without the head, too.
        """
        others = [other for other in PARTS if other != part]
        total = np.zeros(len(self.margin))
        for size in range(3):
            weight = math.factorial(size) * math.factorial(2 - size) / 6
            for there in combinations(others, size):
                gone = tuple(other for other in PARTS if other != part and other not in there)
                without = tuple(other for other in PARTS if other == part or other in gone)
                total += weight * (expit(self.margins[gone]) - expit(self.margins[without]))
        return total

    @property
    def certified(self) -> Array:
        """Scenes called right whose evidence is the head and neither body nor background, (n,)."""
        fall = torch.from_numpy(self.margin - self.margins[("head",)])[:, None]
        whole = expit(self.margin)
        rest = np.stack([whole - expit(self.margins[(part,)]) for part in PARTS[1:]], axis=1)
        return certify_scenes(torch.from_numpy(self.margin), fall, torch.from_numpy(rest)).numpy()

    @property
    def passed(self) -> bool:
        """Whether accuracy and medians over scenes keep all limits."""
        rest = max(np.median(np.abs(self.effect(part))) for part in PARTS[1:])
        return bool(self.accuracy >= ACCURACY and np.median(self.change("head")) > HEAD and rest < REST)

    def lines(self) -> list[str]:
        """The certificate as text."""
        rows = [
            f"accuracy on {len(self.margin)} scenes   {self.accuracy:.3f}   (at least {ACCURACY})",
            f"margin moved without head        {_quartiles(self.change('head'))}   (above {HEAD})",
        ]
        for part in PARTS:
            limit = "" if part == "head" else f"   (within {REST})"
            rows.append(f"probability due to {part:<10}    {_quartiles(self.effect(part))}{limit}")
        rows.append(f"scenes that keep all limits      {self.certified.mean():.3f}")
        if self.credit is not None:
            advice = f"({FIRST_ORDER} or more: its gradients say what it used)"
            rows.append(f"first-order share near the head  {_quartiles(self.credit)}   {advice}")
        return [*rows, f"certified: {'yes' if self.passed else 'no'}"]


def _quartiles(values: Array) -> str:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


def certify(classifier: Classifier, count: int, seed: int = 0) -> Certificate:
    """Margins on `count` scenes of one animal, whole and without parts; limits as in `Certificate`.

    Args:
        classifier: two classes, cat and dog.
        count: of scenes, from index 0.
        seed: of the scenes.
    """
    scenes, targets = _scenes(classifier, count, seed)
    found = {}
    for size in range(len(PARTS) + 1):
        for gone in combinations(PARTS, size):
            logits = torch.cat([_logits(classifier, batch, gone) for batch in _chunks(scenes)])
            found[gone] = margins(logits).gather(1, targets[:, None])[:, 0].numpy()
    return Certificate(found)


def certify_file(weights: Path, count: int, device: str) -> Certificate:
    """The certificate of a checkpoint file, or of a shipped one by name.

    Raises:
        ConfigError, WeightsError: unusable device or checkpoint.
    """
    make_deterministic(0)
    classifier = tried(load_classifier(weights, device=select_device(device)))
    if sorted(classifier.classes) != sorted(DEFAULT):
        raise ConfigError(f"classes of '{weights}' are {', '.join(classifier.classes)}; scenes show cat and dog alone")
    return replace(certify(classifier, count), credit=first_order(classifier, count))


def first_order(classifier: Classifier, count: int, seed: int = 0) -> Array:
    """First-order share of every scene at the layer that is tapped by default, (n,); arguments as of `certify`."""
    scenes, targets = _scenes(classifier, count, seed)
    layer = tapped_by_default(classifier, ARCHITECTURES)
    network, shares = Network(classifier, classifier.network), []
    for start in range(0, len(scenes), BATCH):
        rendered = [render(scene) for scene in scenes[start : start + BATCH]]
        tapped = network.tap(_images(classifier, [one.picture for one in rendered]), [layer])
        own = targets[start : start + BATCH].to(tapped.logits.device)
        heads = torch.from_numpy(np.stack([one.mask("head") for one in rendered])).to(own.device)
        gradients = tapped.gradients[layer]
        rows = torch.arange(len(own), device=own.device)
        of_margin = gradients[rows, own] - gradients[rows, 1 - own]
        shares.append(first_order_share(tapped.activations[layer], of_margin, heads).cpu().numpy())
    return np.concatenate(shares)


def first_order_share(activations: Tensor, gradients: Tensor, heads: Tensor) -> Tensor:
    """Sum of |gradient x activation| near the head over that of all cells, (B,) in [0, 1].

    Credit of a cell is sum over channels of G A, with G the gradient of the margin; near are cells that touch the head
    and those beside them. Where it is low although removing the head removes the margin, the gradient says little about
    what was used, and gradient-based maps are judged on an artefact of saturation.

    Args:
        activations: A, (B, C, h, w).
        gradients: G, (B, C, h, w).
        heads: where the head is seen, (B, H, W) bool.
    """
    credit = (activations * gradients).sum(dim=1).abs()
    touched = F.adaptive_max_pool2d(heads[:, None].float(), credit.shape[-2:])
    near = F.max_pool2d(touched, 3, stride=1, padding=1)[:, 0]
    return (credit * near).sum(dim=(1, 2)) / credit.sum(dim=(1, 2))


def _scenes(classifier: Classifier, count: int, seed: int) -> tuple[list[Scene], Tensor]:
    """Scenes of one animal, and the number of the class of each."""
    scenes = [sample_scene("one", index, seed) for index in range(count)]
    return scenes, torch.tensor([classifier.classes.index(scene.animals[0].class_name) for scene in scenes])


def _chunks(scenes: list[Scene]) -> Iterator[list[Scene]]:
    for start in range(0, len(scenes), BATCH):
        yield scenes[start : start + BATCH]


def _images(classifier: Classifier, pictures: list[Array]) -> Tensor:
    device = next(classifier.network.parameters()).device
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().to(device) / 255


def _logits(classifier: Classifier, scenes: list[Scene], gone: tuple[str, ...]) -> Tensor:
    steps: list[Callable[[Scene], Scene]] = [WITHOUT[part] for part in gone]
    changed = [reduce(lambda one, step: step(one), steps, scene) for scene in scenes]
    with torch.inference_mode():
        logits: Tensor = classifier(_images(classifier, [render(scene).picture for scene in changed]))
    return logits.cpu()
