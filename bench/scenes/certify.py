"""`cambench certify`: does a checkpoint use what drawn scenes say it should use?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.environment import make_deterministic, select_device
from bench.errors import ConfigError
from datasets.names import DEFAULT
from datasets.synthetic import WITHOUT, Scene, render, sample_scene
from metrics.margins import margins
from metrics.truth import HEAD, REST, certify_scenes
from weights import Classifier, load_classifier, tried

ACCURACY = 0.98  # least share of scenes called right
BATCH = 32


@dataclass(frozen=True)
class Certificate:
    """Margins of the right class on scenes of one animal.

    Attributes:
        margin: logit of the right class minus the other's, on the whole scenes, (n,).
        without: the same on the scenes drawn again without head, body, background, each (n,).
    """

    margin: np.ndarray
    without: dict[str, np.ndarray]

    @property
    def accuracy(self) -> float:
        """Share of the scenes called right."""
        return float((self.margin > 0).mean())

    def change(self, part: str) -> np.ndarray:
        """|margin - margin without the part| / |margin|, (n,)."""
        return np.asarray(np.abs(self.margin - self.without[part]) / np.abs(self.margin))

    @property
    def certified(self) -> np.ndarray:
        """Scenes called right whose evidence is the head and neither body nor background, (n,)."""
        fall = {part: torch.from_numpy(self.margin - self.without[part]) for part in ("head", "body", "background")}
        rest = torch.stack([fall["body"], fall["background"]], dim=1)
        return certify_scenes(torch.from_numpy(self.margin), fall["head"][:, None], rest).numpy()

    @property
    def passed(self) -> bool:
        """Whether the medians over scenes keep all limits."""
        medians = {part: np.median(self.change(part)) for part in self.without}
        kept = medians["head"] > HEAD and max(medians["body"], medians["background"]) < REST
        return bool(self.accuracy >= ACCURACY and kept)

    def lines(self) -> list[str]:
        """The certificate as text."""
        rows = [f"accuracy on {len(self.margin)} scenes   {self.accuracy:.3f}   (at least {ACCURACY})"]
        for part in self.without:
            limit = f"above {HEAD}" if part == "head" else f"below {REST}"
            low, middle, high = np.quantile(self.change(part), (0.25, 0.5, 0.75))
            rows.append(f"margin moved without {part:<10} {middle:.3f} [{low:.3f}, {high:.3f}]   ({limit})")
        rows.append(f"scenes that keep all limits       {self.certified.mean():.3f}")
        return [*rows, f"certified: {'yes' if self.passed else 'no'}"]


def certify(classifier: Classifier, count: int, seed: int = 0) -> Certificate:
    """Margins on `count` scenes of one animal, whole and without parts; change and limits as in `Certificate`.

    Args:
        classifier: two classes, cat and dog.
        count: of scenes, from index 0.
        seed: of the scenes.
    """
    scenes = [sample_scene("one", index, seed) for index in range(count)]
    targets = torch.tensor([classifier.classes.index(scene.animals[0].class_name) for scene in scenes])

    def right_margins(variant: Callable[[Scene], Scene]) -> np.ndarray:
        logits = torch.cat([_logits(classifier, batch, variant) for batch in _chunks(scenes)])
        return margins(logits).gather(1, targets[:, None])[:, 0].numpy()

    without = {name: right_margins(variant) for name, variant in WITHOUT.items() if name}
    return Certificate(right_margins(WITHOUT[""]), without)


def certify_file(weights: Path, count: int, device: str) -> Certificate:
    """The certificate of a checkpoint file, or of a shipped one by name.

    Raises:
        ConfigError, WeightsError: unusable device or checkpoint.
    """
    make_deterministic(0)
    classifier = tried(load_classifier(weights, device=select_device(device)))
    if sorted(classifier.classes) != sorted(DEFAULT):
        raise ConfigError(f"classes of '{weights}' are {', '.join(classifier.classes)}; scenes show cat and dog alone")
    return certify(classifier, count)


def _chunks(scenes: list[Scene]) -> list[list[Scene]]:
    return [scenes[start : start + BATCH] for start in range(0, len(scenes), BATCH)]


def _logits(classifier: Classifier, scenes: list[Scene], variant: Callable[[Scene], Scene]) -> torch.Tensor:
    pictures = np.stack([render(variant(scene)).picture for scene in scenes])
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        logits: torch.Tensor = classifier(images.to(next(classifier.network.parameters()).device))
    return logits.cpu()
