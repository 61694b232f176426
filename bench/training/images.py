"""What a training sees: batches of images, or of features computed once where only the last layer is trained."""

import math
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bench.environment import auto_workers
from bench.process.progress import Progress
from bench.training.config import TrainConfig
from datasets import Batch, Record, load_batches
from weights import Classifier
from weights.transfer import features

KEPT = 2 << 30  # bytes of decoded images


class Batches(Protocol):
    """A source of batches."""

    def batches(self, order: np.ndarray) -> Generator[tuple[Tensor, Tensor]]:
        """Images or features in an order of the records, and the classes they show (B, K)."""


class Images:
    """Batches of images in any order; read once and kept where that needs no more than `KEPT` bytes."""

    def __init__(self, config: TrainConfig, classifier: Classifier, records: Sequence[Record]) -> None:
        self.config, self.classifier, self.records = config, classifier, records
        self.keep = len(records) * 3 * math.prod(classifier.checkpoint.preprocess.size) <= KEPT
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.complete = False

    def batches(self, order: np.ndarray) -> Generator[tuple[Tensor, Tensor]]:
        """Images in [0, 1] and the classes they show; unreadable images are left out.

        Args:
            order: every position in the records once.
        """
        size = self.config.batch_size
        chunks = [order[start : start + size].tolist() for start in range(0, len(order), size)]
        with closing(self._kept(chunks) if self.complete else self._loaded(chunks)) as source:
            for images, present in source:
                yield images.float() / 255, present

    def _kept(self, chunks: list[list[int]]) -> Generator[tuple[Tensor, Tensor]]:
        for chunk in chunks:
            there = [self.kept[position] for position in chunk if position in self.kept]
            if there:
                yield torch.stack([image for image, _ in there]), torch.stack([shown for _, shown in there])

    def _loaded(self, chunks: list[list[int]]) -> Generator[tuple[Tensor, Tensor]]:
        with closing(self.read(chunks)) as source:  # closed, it ends its processes whatever fails
            for batch in source:
                if self.keep:
                    self.kept |= dict(zip(batch.positions, zip(batch.images, batch.present, strict=True), strict=True))
                if batch.ids:
                    yield batch.images, batch.present
        self.complete = self.keep

    def read(self, chunks: list[list[int]]) -> Generator[Batch]:
        """Batches of the images at these positions."""
        preprocess, workers = self.classifier.checkpoint.preprocess, self.config.workers
        yield from load_batches(
            self.records,
            chunks,
            resize=preprocess.resize,
            crop=preprocess.size,
            interpolation=preprocess.interpolation,
            classes=self.classifier.classes,
            workers=auto_workers() if workers is None else workers,
        )


class Features:
    """What goes into the last layer, computed once for every image, without augmentation."""

    def __init__(self, images: Images, classifier: Classifier, layer: str) -> None:
        """Keeps where they come from.

        Args:
            images: theirs.
            classifier: its last layer is to be trained, all else stays as it is.
            layer: that one.
        """
        self.images, self.classifier, self.layer = images, classifier, layer
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def batches(self, order: np.ndarray) -> Generator[tuple[Tensor, Tensor]]:
        """Features (B, C) and the classes they show, in an order; unreadable images are left out."""
        self.kept = self.kept or dict(self._computed())
        size = self.images.config.batch_size
        for start in range(0, len(order), size):
            chosen = [self.kept[place] for place in order[start : start + size].tolist() if place in self.kept]
            if chosen:
                yield torch.stack([each for each, _ in chosen]), torch.stack([shown for _, shown in chosen])

    def _computed(self) -> Generator[tuple[int, tuple[Tensor, Tensor]]]:
        """Position of an image, its features, and the classes it shows."""
        count, size = len(self.images.records), self.images.config.batch_size
        chunks = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
        with closing(self.images.read(chunks)) as source, Progress(count, verb="features of") as progress:
            for batch in source:
                if batch.ids:
                    images = (batch.images.float() / 255).to(self.classifier.scale.device)
                    found = features(self.classifier, self.layer, images).cpu()
                    yield from zip(batch.positions, zip(found, batch.present, strict=True), strict=True)
                progress.advance(len(batch.positions))
