"""Models in: architectures, safe checkpoint loading, and the classifier that owns normalisation."""

from weights.architectures import Architecture, alexnet, alexnet_narrow
from weights.catalogue import SHIPPED, Shipped
from weights.classifier import Checkpoint, Classifier
from weights.errors import WeightsError
from weights.preprocess import Preprocess

__all__ = [
    "ARCHITECTURES",
    "SHIPPED",
    "Architecture",
    "Checkpoint",
    "Classifier",
    "Preprocess",
    "Shipped",
    "WeightsError",
    "checkpoint_bytes",
    "fresh_classifier",
    "load_classifier",
    "tried",
]

ARCHITECTURES: dict[str, Architecture] = {
    "alexnet": Architecture(alexnet, "features.11", "AlexNet as in torchvision, two classes"),
    "alexnet_narrow": Architecture(alexnet_narrow, "features.11", "AlexNet's features, classifier 9216-128-2"),
}

from weights.loading import fresh_classifier, load_classifier  # noqa: E402 (the registry above is its default)
from weights.saving import checkpoint_bytes  # noqa: E402
from weights.trial import tried  # noqa: E402
