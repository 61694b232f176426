"""Which networks are shown, and their weights: real ones where there are any, else random ones."""

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch

from bench.layers import with_open_heads
from weights import find_architecture

SEED = 0  # of random weights


@dataclass(frozen=True)
class Entry:
    """A row of the table.

    Attributes:
        title: of the network.
        arch: name of the architecture.
        file: of trained weights, in the folder of weights; None: random ones.
        outputs: of the network with random weights; 1,000 are read in groups.
        side: of the images with random weights, pixels; trained ones say it themselves.
        lies: how the output of the layer lies in memory, told the naive computation, which finds nothing out: map,
            channels_last, or tokens with a class token before them.
    """

    title: str
    arch: str
    file: str | None = None
    outputs: int = 1000
    side: int = 224
    lies: str = "map"

    @property
    def name(self) -> str:
        """Of its files."""
        return self.arch

    @property
    def sizes(self) -> dict[str, int]:
        """How large the images are, where nothing else says it."""
        usual = self.file is not None or self.side == 224
        return {} if usual else {"resize": self.side, "crop": self.side}


ENTRIES = (
    Entry("AlexNet", "alexnet", "alexnet-catdog.pth"),
    Entry("SqueezeNet 1.1", "squeezenet1_1"),
    Entry("MobileNetV3-small", "mobilenet_v3_small"),
    Entry("EfficientNet-Lite0", "efficientnet_lite0", "efficientnet-lite0-imagenet.safetensors"),
    Entry("EfficientNet-Lite1", "efficientnet_lite1", "efficientnet-lite1-imagenet.safetensors"),
    Entry("EfficientNet-Lite2", "efficientnet_lite2", "efficientnet-lite2-imagenet.safetensors"),
    Entry("ResNet-18", "resnet18", outputs=2),
    Entry("GoogLeNet", "googlenet"),
    Entry("DenseNet-121", "densenet121"),
    Entry("ResNet-50", "resnet50"),
    Entry("Inception v3", "inception_v3", side=299),
    Entry("ConvNeXt-tiny", "convnext_tiny"),
    Entry("Swin-t", "swin_t", lies="channels_last"),
    Entry("ViT-B/16", "vit_b_16", lies="tokens"),
    Entry("VGG16", "vgg16", outputs=2),
)


def weights_of(entry: Entry, folder: Path, scratch: Path) -> Path:
    """The file of its weights; random ones are written into `scratch`, the same every time, without a word in them."""
    if entry.file is not None:
        return folder / entry.file
    torch.manual_seed(SEED)
    network = find_architecture(entry.arch).build(entry.outputs)
    with_open_heads(network)
    path = scratch / f"{entry.name}.safetensors"
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path
