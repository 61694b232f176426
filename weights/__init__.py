"""Models in: architectures, safe checkpoint loading, and the classifier that owns normalisation."""

from weights.architectures import ARCHITECTURES, Architecture, named
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
    "as_architecture",
    "borrowed",
    "checkpoint_bytes",
    "find_architecture",
    "fresh_classifier",
    "has_timm",
    "load_classifier",
    "named",
    "torchvision_names",
    "tried",
]

from weights.borrowing import borrowed
from weights.loading import fresh_classifier, load_classifier
from weights.saving import checkpoint_bytes
from weights.trial import tried
from weights.zoo import as_architecture, find_architecture, has_timm, torchvision_names
