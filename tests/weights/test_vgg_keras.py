import pytest
import torch
from torch import nn

from bench.run.lab import default_layers
from cam.head import Head
from cam.tap import tap
from weights import fresh_classifier, named
from weights.vgg_keras import TRUNK, KerasVGG16, variant, vgg16_keras


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return vgg16_keras(2, "vgg16_keras_flat2_8").eval()


def test_layers_have_keras_names_and_vgg16s_sizes():
    with torch.device("meta"):
        network = vgg16_keras(1000)
    assert sum(each.numel() for each in network.parameters()) == 138_357_544  # Simonyan & Zisserman's table 2: 138 M
    names = [name for name, _ in network.named_children()]
    assert names[:3] == ["block1_conv1", "block1_conv2", "block1_pool"]
    assert names[-4:] == ["block5_pool", "fc1", "fc2", "predictions"]
    assert len(TRUNK) == 13


def test_a_convolution_is_tapped_behind_its_relu_and_the_pool_follows(network):
    images = torch.rand(2, 3, 64, 64)
    tapped = tap(network, network, images, ["block5_conv3", "block5_pool"])
    maps, pooled = tapped.activations["block5_conv3"], tapped.activations["block5_pool"]
    assert maps.shape == (2, 512, 4, 4)
    assert maps.min() == 0
    assert torch.equal(nn.functional.max_pool2d(maps, 2), pooled)
    head = Head(network, network, "block5_conv3")
    assert head.tail is not None
    torch.testing.assert_close(head(maps, images, 2), tapped.logits)


@pytest.mark.parametrize(
    ("name", "hidden", "entering"),
    [("vgg16_keras_flat7_4096_4096", [4096, 4096], 25088), ("vgg16_keras_average_256", [256], 512),
     ("vgg16_keras_max", [], 512), ("vgg16_keras_flat4_64", [64], 8192)],
)  # fmt: skip
def test_the_name_says_the_head(name, hidden, entering):
    with torch.device("meta"):
        network = named(name)[1].build(2)
    dense = [layer for layer in network.children() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in dense] == [*hidden, 2]
    assert dense[0].in_features == entering


@pytest.mark.parametrize("name", ["vgg16_keras_", "vgg16_keras_flat", "vgg16_keras_flat0", "vgg16_keras_mean", "vgg16"])
def test_other_names_are_none(name):
    assert variant(name) is None
    assert named(name) is None
    with pytest.raises(ValueError, match="expected such as vgg16_keras_average_256"):
        vgg16_keras(2, name)


def test_pooling_is_over_the_whole_map():
    torch.manual_seed(0)
    average, largest = (KerasVGG16(2, hidden=(), side=None, pooling=each).eval() for each in ("average", "max"))
    largest.load_state_dict(average.state_dict())
    maps = {}
    average.block5_pool.register_forward_hook(lambda _m, _i, y: maps.update(y=y))
    x = torch.rand(1, 3, 96, 64)
    with torch.no_grad():
        torch.testing.assert_close(average(x), average.predictions(maps["y"].mean((2, 3))))
        torch.testing.assert_close(largest(x), largest.predictions(maps["y"].amax((2, 3))))


def test_the_lab_taps_the_last_convolution_and_the_pool_behind_it():
    class Plan:
        classifier = fresh_classifier("vgg16_keras_average")
        job = type("Job", (), {"layers": {named("vgg16_keras_average")[1].default_layer: None}})

    assert default_layers(Plan) == ("block5_conv3", "block5_pool")
