"""Scenes as a data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.drawn import GROUP_NAMES, PART_NAMES, Drawn
from datasets.records import Dataset, DatasetError, Record
from datasets.synthetic.factors import ANIMALS, WITHOUT, Scene, sample_scene
from datasets.synthetic.render import render

MIXTURES = {  # kinds of scenes and how many
    None: {"one": 40, "both": 6, "distractors": 10, "correlated": 8},
    "truth": {"one": 180, "both": 60, "distractors": 60},
    "train": {"one": 2000, "both": 600, "distractors": 700},  # training scenes have a seed of their own
    "train-single": {"one": 3000, "distractors": 1000},
}
SINGLE = 1000  # scenes of a single kind
TRAINING_SEED = 1
TRAINING_WITHOUT = ("", "", "body", "background")  # in turn: half of the training scenes lack one
HEADLESS = 700  # more of them, without heads: nothing to tell the class by
SCORED = ("one", "both", "distractors", "correlated")  # a scene with neither animal has no class to explain


@dataclass(frozen=True)
class SceneDrawing:
    """A scene by its number.

    Attributes:
        kind: of scene.
        index: number of the scene.
        seed: of the factors.
        without: head, body or background, left out; "" for the whole scene.
    """

    kind: str
    index: int
    seed: int = 0
    without: str = ""

    def scene(self) -> Scene:
        """The scene with all its factors."""
        return WITHOUT[self.without](sample_scene(self.kind, self.index, self.seed))

    def draw(self) -> Drawn:
        """Picture and parts."""
        scene = self.scene()
        rendered = render(scene)
        parts = {animal.class_name: rendered.parts_of(number) for number, animal in enumerate(scene.animals)}
        return Drawn(rendered.picture, parts)

    def removals(self) -> dict[tuple[str, str], NDArray[np.uint8]]:
        """The picture without each part, head and rest of each animal, and without the background."""
        scene = self.scene()
        changed = {
            (animal.class_name, name): scene.remove(name, number)
            for number, animal in enumerate(scene.animals)
            for name in (*PART_NAMES, *GROUP_NAMES)
        }
        changed["", "background"] = scene.without_background()
        return {key: render(one).picture for key, one in changed.items()}


def synthetic(root: Path | None = None, split: str | None = None, download: bool = False) -> Dataset:
    """Drawn scenes with pixel-exact masks, no files; --split one, both, distractors, correlated, truth (none: a mix).

    Args:
        root: must be None.
        split: a kind of scene, 1,000 of it; truth, 300 scenes of one animal, both and with distractors; train or
            train-single (one animal in each), 4,000 scenes of another seed; without one 64 scenes of all these kinds.
        download: must be False.

    Raises:
        DatasetError: unknown split, or a root or download asked for.
    """
    if root is not None or download:
        raise DatasetError("--dataset synthetic is drawn, not read; leave --data-root and --download out")
    if split not in (*MIXTURES, *SCORED):
        raise DatasetError(
            f"split is '{split}', expected train, train-single, truth, {', '.join(SCORED)}, or none for a mix"
        )
    counts = MIXTURES.get(split) or {str(split): SINGLE}
    training = split in ("train", "train-single")
    seed, lacking = (TRAINING_SEED, TRAINING_WITHOUT) if training else (0, ("",))
    records = [
        _record(SceneDrawing(kind, index, seed, lacking[index // 2 % len(lacking)]))
        for kind, count in counts.items()
        for index in range(count)
    ]
    if split == "train":
        first = counts["one"]
        records += [_record(SceneDrawing("one", first + number, seed, "head")) for number in range(HEADLESS)]
    return Dataset("synthetic", Path("synthetic"), split, tuple(records))


def _record(drawing: SceneDrawing) -> Record:
    name = f"{drawing.kind}/{drawing.index:06d}"
    classes: tuple[str, ...] = ANIMALS if drawing.kind == "both" else (ANIMALS[drawing.index % 2],)
    if drawing.without == "head":
        classes = ()
    return Record(name, Path("synthetic") / name, classes, drawing=drawing)
