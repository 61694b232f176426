"""Models in: architectures, safe checkpoint loading, and the classifier that owns normalisation."""

from weights.architectures import ALIASES, ARCHITECTURES, Architecture
from weights.catalogue import SHIPPED, Shipped
from weights.classifier import Checkpoint, Classifier
from weights.errors import WeightsError
from weights.preprocess import Preprocess

__all__ = [
    "ALIASES",
    "ARCHITECTURES",
    "SHIPPED",
    "Architecture",
    "Checkpoint",
    "Classifier",
    "Preprocess",
    "Shipped",
    "WeightsError",
    "borrowed",
    "checkpoint_bytes",
    "fresh_classifier",
    "load_classifier",
    "tried",
]

from weights.borrowing import borrowed
from weights.loading import fresh_classifier, load_classifier
from weights.saving import checkpoint_bytes
from weights.trial import tried
