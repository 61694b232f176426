"""Models in: architectures, safe checkpoint loading, and the classifier that owns normalisation."""

from weights.architectures import Architecture, alexnet, alexnet_narrow
from weights.catalogue import SHIPPED, Shipped
from weights.classifier import Checkpoint, Classifier, Preprocess
from weights.efficientnet_lite import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2
from weights.errors import WeightsError

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
    "checkpoint_bytes",
    "fresh_classifier",
    "load_classifier",
    "tried",
]

ARCHITECTURES: dict[str, Architecture] = {
    "alexnet": Architecture(alexnet, "features.11", "AlexNet as in torchvision, two classes"),
    "alexnet_narrow": Architecture(alexnet_narrow, "features.11", "AlexNet's features, classifier 9216-128-2"),
    "efficientnet_lite0": Architecture(efficientnet_lite0, "bn2", "EfficientNet-Lite0, timm's tf_efficientnet_lite0"),
    "efficientnet_lite1": Architecture(efficientnet_lite1, "bn2", "EfficientNet-Lite1, timm's tf_efficientnet_lite1"),
    "efficientnet_lite2": Architecture(efficientnet_lite2, "bn2", "EfficientNet-Lite2, timm's tf_efficientnet_lite2"),
}
# Other names of the same networks, as files and their TOML say them.
ALIASES = {f"tf_efficientnet_lite{number}": f"efficientnet_lite{number}" for number in range(3)}

from weights.loading import fresh_classifier, load_classifier  # noqa: E402 (the registry above is its default)
from weights.saving import checkpoint_bytes  # noqa: E402
from weights.trial import tried  # noqa: E402
