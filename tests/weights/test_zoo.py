"""Architectures by the names that others gave them, and by a user's own function."""

import re
from functools import partial

import pytest
import torch
from torch import nn
from torchvision import models

from weights import ARCHITECTURES, Architecture, WeightsError, as_architecture, find_architecture, load_classifier
from weights.fitting import recognised, skeleton
from weights.zoo import FAMILIES, _shapes_alone, relatives, torchvision_names


def tiny(num_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    )


def outputs(network: nn.Module) -> int:
    return next(m for m in reversed(list(network.modules())) if isinstance(m, nn.Linear)).out_features


def test_ours_come_first_and_torchvisions_need_no_line():
    assert find_architecture("alexnet") is ARCHITECTURES["alexnet"]
    assert "alexnet" in torchvision_names()
    assert find_architecture("torchvision/alexnet").default_layer is None
    for name in ("resnet18", "torchvision/resnet18"):
        network = skeleton(name, find_architecture(name), 5)
        assert isinstance(network, models.ResNet)
        assert outputs(network) == 5


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_heads_for_training_alone_are_not_built(name):
    with torch.device("meta"):
        network = find_architecture(name).build(2)
    assert not network.aux_logits
    assert not network.transform_input


@pytest.mark.parametrize("name", ["timm/resnet18", "mobilenetv3_small_050"])
def test_every_timm_name_where_timm_is_installed(name):
    timm = pytest.importorskip("timm")
    network = skeleton(name, find_architecture(name), 3)
    with torch.device("meta"):
        theirs = timm.create_model(name.removeprefix("timm/"), num_classes=3)
    assert [(n, t.shape) for n, t in network.state_dict().items()] == [
        (n, t.shape) for n, t in theirs.state_dict().items()
    ]


def test_without_timm_its_names_are_unknown_and_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("weights.zoo.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"unknown architecture 'mobilenetv3_small_050'.*timm .*pip install timm"):
        find_architecture("mobilenetv3_small_050")


@pytest.mark.parametrize(
    ("name", "close"), [("resnet51", "resnet"), ("alexnet_narow", "alexnet_narrow"), ("torchvision/vgg17", "vgg1")]
)
def test_an_unknown_name_gets_the_closest(name, close, monkeypatch):
    monkeypatch.setattr("weights.zoo.find_spec", lambda name: None)
    said = rf"unknown architecture '{name}' \(did you mean '{close}\w*'\?\); known: alexnet, .* 80 of torchvision, .*"
    with pytest.raises(WeightsError, match=said + "your own with --arch package.module:function"):
        find_architecture(name)


class Network(nn.Sequential):
    def __init__(self, classes: int = 7) -> None:
        super().__init__(*tiny(classes))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (tiny, 3),
        (Network, 3),
        (models.resnet18, 3),  # (*, weights, progress, **kwargs)
        (lambda: tiny(7), 7),
        (lambda width=4: tiny(7), 7),  # is not the number of outputs
        (lambda k: tiny(k), 3),
        (lambda k, /: tiny(k), 3),
        (lambda width=4, *, num_classes: tiny(num_classes), 3),
        (partial(lambda width, num_classes: tiny(num_classes), 4), 3),
        (tiny(7), 7),  # a module itself
        (Architecture(tiny), 3),
    ],
)
def test_functions_are_called_as_they_take_it(function, expected):
    assert outputs(skeleton("mine:f", as_architecture("mine:f", function), 3)) == expected


def test_a_module_of_ones_own_is_not_filled_itself():
    own = tiny(2)
    network = as_architecture("mine:own", own).build(2)
    nn.init.zeros_(network[0].weight)
    assert own[0].weight.any()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (3, "is a int, expected a function that returns a torch.nn.Module"),
        (lambda a, b: None, r"takes \(a, b\), expected function\(num_classes\) or function\(\)"),
        (lambda num_classes, b: None, r"takes \(num_classes, b\), expected"),
        (lambda *, k: None, r"takes \(\*, k\)|takes \(k\)"),
        (type, "has no parameters that can be read|takes"),
    ],
)
def test_what_cannot_be_called_is_refused(found, message):
    with pytest.raises(WeightsError, match=f"architecture 'mine:f' {message}"):
        as_architecture("mine:f", found)


SMALLEST = (
    "resnet18", "densenet121", "squeezenet1_1", "vgg11", "inception_v3", "googlenet", "mobilenet_v2",
    "mobilenet_v3_small", "efficientnet_b0", "efficientnet_v2_s", "convnext_tiny", "swin_t", "swin_v2_t", "vit_b_32",
    "regnet_y_400mf", "shufflenet_v2_x0_5", "mnasnet0_5", "maxvit_t",
)  # fmt: skip


@pytest.fixture(scope="module")
def state_dicts() -> dict[str, dict[str, torch.Tensor]]:
    """Names and shapes of the smallest network of every family."""
    return {name: _shapes_alone(find_architecture(name)).build(2).state_dict() for name in SMALLEST}


def test_every_classifier_of_torchvision_but_alexnet_belongs_to_a_family(state_dicts):
    for name in torchvision_names():
        assert name == "alexnet" or any(re.match(family, name) for family in FAMILIES.values()), name
    for name, tensors in state_dicts.items():
        assert name in relatives(tensors)
        assert name in relatives([f"module.net.{key}" for key in tensors])
        assert len(relatives(tensors)) <= 15, name
    assert not relatives(skeleton("alexnet_narrow", ARCHITECTURES["alexnet_narrow"]).state_dict())


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "swin_t"])
def test_torchvisions_are_recognised_by_their_tensors(state_dicts, name):
    tensors = {f"module.{key}": tensor for key, tensor in state_dicts[name].items()}
    assert recognised(tensors, ARCHITECTURES, "file.pth") == name


def test_heads_for_training_alone_in_a_file_are_left_out(save):
    torch.manual_seed(0)
    full = models.GoogLeNet(num_classes=2, aux_logits=True, init_weights=False).eval()
    classifier = load_classifier(save({f"module.{k}": v for k, v in full.state_dict().items()}))
    assert classifier.checkpoint.arch == "googlenet"
    assert "20 tensors of heads for training alone left out" in classifier.checkpoint.notes
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(classifier(images), full(classifier.normalise(images)), rtol=1e-4, atol=1e-5)
