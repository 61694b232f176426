"""Network architectures: functions of the number of classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn
from torchvision.models import AlexNet

from weights.efficientnet_lite import efficientnet_lite0, efficientnet_lite1, efficientnet_lite2
from weights.vgg_keras import variant, vgg16_keras

NARROW = 128


@dataclass(frozen=True)
class Architecture:
    """A registry entry.

    Attributes:
        build: number of classes to a module with that many logits; its weights do not matter.
        default_layer: the layer that is tapped unless another is named; None: found by a trial pass.
        meaning: one line.
        unused: what names of tensors begin with that a file may have and maps do not need.
    """

    build: Callable[[int], nn.Module]
    default_layer: str | None = None
    meaning: str = ""
    unused: tuple[str, ...] = ()


def alexnet(classes: int) -> nn.Module:
    """AlexNet as in torchvision: images (B, 3, 224, 224) to logits (B, classes)."""
    return AlexNet(num_classes=classes)


def alexnet_narrow(classes: int) -> nn.Module:
    """AlexNet's features with a small classifier: Dropout, Linear(9216, 128), ReLU, Dropout, Linear(128, classes)."""
    network = AlexNet(num_classes=classes)
    network.classifier = nn.Sequential(
        nn.Dropout(),
        nn.Linear(256 * 6 * 6, NARROW),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(NARROW, classes),
    )
    return network


def alexnet_linear(classes: int) -> nn.Module:
    """AlexNet's features with a single linear layer: 9216 numbers to classes."""
    network = AlexNet(num_classes=classes)
    network.classifier = nn.Linear(256 * 6 * 6, classes)
    return network


def alexnet_gap(classes: int) -> nn.Module:
    """AlexNet's features, the mean of each channel, and a linear layer of those 256 numbers, as modern networks end."""
    network = AlexNet(num_classes=classes)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Linear(256, classes)
    return network


ARCHITECTURES: dict[str, Architecture] = {
    "alexnet": Architecture(alexnet, "features.11", "AlexNet as in torchvision, two classes"),
    "alexnet_narrow": Architecture(alexnet_narrow, "features.11", "AlexNet's features, classifier 9216-128-2"),
    "alexnet_linear": Architecture(alexnet_linear, "features.11", "AlexNet's features, classifier 9216-2"),
    "alexnet_gap": Architecture(
        alexnet_gap, "features.11", "AlexNet's features, mean of each channel, classifier 256-2"
    ),
    "efficientnet_lite0": Architecture(efficientnet_lite0, "bn2", "EfficientNet-Lite0, timm's tf_efficientnet_lite0"),
    "efficientnet_lite1": Architecture(efficientnet_lite1, "bn2", "EfficientNet-Lite1, timm's tf_efficientnet_lite1"),
    "efficientnet_lite2": Architecture(efficientnet_lite2, "bn2", "EfficientNet-Lite2, timm's tf_efficientnet_lite2"),
    "vgg16_keras": Architecture(vgg16_keras, "block5_conv3", "VGG16 with Keras' names of layers, 4096-4096 behind it"),
}
# Other names of the same networks, as files and their TOML say them.
ALIASES = {f"tf_efficientnet_lite{number}": f"efficientnet_lite{number}" for number in range(3)}


def named(name: str, own: Mapping[str, Architecture] = ARCHITECTURES) -> tuple[str, Architecture] | None:
    """The entry of a name or alias, and what it is called; None where nobody is."""
    name = name if name in own else ALIASES.get(name, name)
    if name in own:
        return name, own[name]
    build = variant(name)
    return (name, Architecture(build, "block5_conv3", "VGG16 with Keras' names, another head")) if build else None
