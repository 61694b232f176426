"""One network of every family: the layer that is found, and Grad-CAM there equal to plain autograd."""

import pytest
import torch
from torch import nn
from torchvision.models import (
    VGG,
    ConvNeXt,
    DenseNet,
    EfficientNet,
    GoogLeNet,
    Inception3,
    MobileNetV3,
    ResNet,
    SqueezeNet,
    SwinTransformer,
    VisionTransformer,
)  # fmt: skip
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.resnet import BasicBlock
from torchvision.models.vgg import make_layers

from cam import METHODS, Network, candidates, compute_maps, default_candidate


def mobilenet() -> nn.Module:
    blocks = [
        InvertedResidualConfig(16, 3, 16, 16, True, "RE", 2, 1, 1),
        InvertedResidualConfig(16, 3, 48, 24, True, "HS", 2, 1, 1),
    ]
    return MobileNetV3(blocks, last_channel=32, num_classes=3)


def vgg() -> nn.Module:
    with torch.device("meta"):  # its classifier has 120 million parameters
        network = VGG(nn.Identity())
    network.features = make_layers([8, "M", 16, 16, "M"])
    network.classifier = nn.Sequential(nn.Linear(16 * 49, 16), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(16, 3))
    return network


FAMILIES = {  # shallow, with the layers, shortcuts and in-place activations of the real ones
    "vgg": (vgg, "features.6", "map"),
    "resnet": (lambda: ResNet(BasicBlock, [1, 1, 1, 2], num_classes=3), "layer4", "map"),
    "squeezenet": (lambda: SqueezeNet("1_1", num_classes=3), "features", "map"),
    "mobilenetv3": (mobilenet, "features", "map"),
    "densenet": (lambda: DenseNet(8, (2, 2), 16, num_classes=3), "features", "map"),
    "googlenet": (
        lambda: GoogLeNet(num_classes=3, aux_logits=False, init_weights=False),
        "inception5b",
        "map",
    ),
    "inception": (lambda: Inception3(num_classes=3, aux_logits=False, init_weights=False), "Mixed_7c", "map"),
    "efficientnet": (
        lambda: EfficientNet([MBConvConfig(1, 3, 2, 32, 16, 1), MBConvConfig(6, 3, 2, 16, 24, 2)], 0.0, num_classes=3),
        "features",
        "map",
    ),
    "convnext": (
        lambda: ConvNeXt([CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)], num_classes=3),
        "features",
        "map",
    ),
    "vit": (
        lambda: VisionTransformer(64, 16, 2, 2, 24, 48, num_classes=3),
        "encoder.layers.encoder_layer_1.ln_1",
        "tokens:1",
    ),
    "swin": (lambda: SwinTransformer([4, 4], 12, [1, 2], [2, 2], [4, 4], num_classes=3), "norm", "channels_last"),
}
SIDES = {"inception": 112, "squeezenet": 65}


def built(family: str) -> nn.Module:
    torch.manual_seed(0)
    network = FAMILIES[family][0]()
    for module in network.modules():
        if isinstance(module, nn.Linear) and not module.weight.any():  # an untrained ViT gives zeros
            nn.init.normal_(module.weight)
    return network.eval()


def photographs(family: str) -> torch.Tensor:
    side = SIDES.get(family, 64)
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def naive(family: str, layer: str, images: torch.Tensor) -> list[torch.Tensor]:
    """Grad-CAM of every class, one plain backward pass per class through a network without in-place operations."""
    network, kept = built(family), []
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: kept.append(output) or output.clone())
    logits = network(images)
    maps = []
    for k in range(logits.shape[1]):
        (gradient,) = torch.autograd.grad(logits[:, k].sum(), kept[0], retain_graph=True)
        activations = kept[0].detach()
        if FAMILIES[family][2] == "channels_last":
            activations, gradient = activations.permute(0, 3, 1, 2), gradient.permute(0, 3, 1, 2)
        elif FAMILIES[family][2] != "map":  # a class token, then 4 x 4 patches
            activations, gradient = (t[:, 1:].permute(0, 2, 1).reshape(2, -1, 4, 4) for t in (activations, gradient))
        maps.append((gradient.mean((2, 3), keepdim=True) * activations).sum(1))
    return maps


@pytest.mark.parametrize("family", FAMILIES)
def test_the_layer_is_found_and_gradcam_there_is_plain_autograds(family):
    _, layer, form = FAMILIES[family]
    network, images = Network(built(family)), photographs(family)
    found = default_candidate(candidates(network, images))
    assert (found.name, str(found.form), found.leads) == (layer, form, True)
    maps = compute_maps(network, images, [layer], {"gradcam": METHODS["gradcam"]}).signed["gradcam", layer]
    assert maps.shape[2:] == found.shape[1:]
    expected = torch.stack(naive(family, layer, images), dim=1)
    assert expected.abs().amax() > 0
    torch.testing.assert_close(maps / expected.abs().amax(), expected / expected.abs().amax(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["convnext", "vit", "swin"])
def test_the_rest_of_the_network_takes_maps(family):
    layer, images = FAMILIES[family][1], photographs(family)
    network = Network(built(family))
    tapped = network.tap(images, [layer])
    head = network.head(layer, tapped.forms[layer])
    torch.testing.assert_close(head(tapped.activations[layer], images, 1), tapped.logits)
    scaled = [head(tapped.activations[layer] * step, images, 2) for step in (0.0, 0.5, 2.0)]
    assert not torch.allclose(scaled[0], scaled[1])
    assert not torch.allclose(scaled[1], scaled[2])
