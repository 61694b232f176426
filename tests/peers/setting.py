"""What all contests share: network, photographs, and the maps that they score."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.run.data import read_dataset
from cam import METHODS, Network, compute_maps
from datasets import load_batches
from metrics.ordering import rank_pixels
from weights import ARCHITECTURES, load_classifier

LAYER, BATCH, STEPS, SIDE = "features.11", 32, 32, 224


@dataclass(frozen=True)
class Setting:
    """A classifier of images in [0, 1], and photographs with masks of their animal."""

    weights: Path
    data_root: Path

    @cached_property
    def classifier(self):
        return load_classifier(self.weights, architectures=ARCHITECTURES)

    @cached_property
    def layer(self):
        """The module that the peers are given."""
        return self.classifier.network.get_submodule(LAYER)

    @cached_property
    def batch(self):
        found = read_dataset("oxford-iiit-pet", self.data_root, "test", BATCH, self.classifier.classes)
        places = [list(range(len(found.records)))]
        return next(load_batches(found.records, places, resize=SIDE, crop=SIDE, classes=self.classifier.classes))

    @cached_property
    def images(self) -> Tensor:
        """(32, 3, 224, 224) in [0, 1]."""
        return self.batch.images.float() / 255

    @cached_property
    def labels(self) -> Tensor:
        """Class of the animal, (32,)."""
        return self.batch.present.int().argmax(dim=1)

    @cached_property
    def masks(self) -> Tensor:
        """1 animal, 0 background, 255 not known, (32, 224, 224)."""
        return self.batch.masks[torch.arange(len(self.labels)), self.labels]

    @cached_property
    def maps(self) -> Tensor:
        """Grad-CAM of the label, enlarged, (32, 224, 224)."""
        found = compute_maps(self.network, self.images, (LAYER,), {"gradcam": METHODS["gradcam"]})
        raw = found.raw("gradcam", LAYER)[torch.arange(len(self.labels)), self.labels]
        return F.interpolate(raw[:, None], (SIDE, SIDE), mode="bilinear", align_corners=False)[:, 0]

    @cached_property
    def network(self) -> Network:
        return Network(self.classifier, self.classifier.network)

    @cached_property
    def ranks(self) -> Tensor:
        """Order of the pixels of `maps`, ties by their place as in a stable sort, (32, 224, 224)."""
        return rank_pixels(self.maps, torch.arange(SIDE * SIDE).expand(len(self.maps), -1))


def scaled(maps: Tensor) -> Tensor:
    """Maps (..., h, w) cut at 0, from 0 to 1, enlarged, from 0 to 1 again: what every package shows a user."""
    return _unit(F.interpolate(_unit(maps.float().relu()), (SIDE, SIDE), mode="bilinear", align_corners=False))


def _unit(maps: Tensor) -> Tensor:
    low, high = maps.amin(dim=(-2, -1), keepdim=True), maps.amax(dim=(-2, -1), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12)


def apart(one: object, other: object) -> str:
    """Largest difference of two tensors of one shape."""
    difference = (torch.as_tensor(one).double() - torch.as_tensor(other).double()).abs().amax()
    return f"{float(difference):.0e} at most"
