import pytest
import torch
import torchvision

from weights import ARCHITECTURES


def test_alexnet_is_torchvisions():
    with torch.device("meta"):
        ours = ARCHITECTURES["alexnet"].build(2)
        theirs = torchvision.models.alexnet(weights=None, num_classes=2)
    assert repr(ours) == repr(theirs)
    assert [(n, t.shape) for n, t in ours.state_dict().items()] == [
        (n, t.shape) for n, t in theirs.state_dict().items()
    ]


def test_alexnet_narrow_has_alexnets_features_and_a_small_classifier():
    with torch.device("meta"):
        narrow = ARCHITECTURES["alexnet_narrow"].build(2)
        full = ARCHITECTURES["alexnet"].build(2)
    assert repr(narrow.features) == repr(full.features)
    assert [type(layer).__name__ for layer in narrow.classifier] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert narrow.classifier[1].weight.shape == (128, 9216)
    assert narrow.classifier[4].weight.shape == (2, 128)


def test_other_heads_sit_on_alexnets_features():
    with torch.device("meta"):
        linear, gap, full = (ARCHITECTURES[name].build(2) for name in ("alexnet_linear", "alexnet_gap", "alexnet"))
    assert repr(linear.features) == repr(gap.features) == repr(full.features)
    assert (linear.classifier.weight.shape, gap.classifier.weight.shape) == ((2, 9216), (2, 256))


def test_the_head_on_means_is_linear_in_the_mean_of_each_channel():
    network = ARCHITECTURES["alexnet_gap"].build(3).eval()
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        means = network.features(images).mean(dim=(2, 3))
        torch.testing.assert_close(network(images), means @ network.classifier.weight.T + network.classifier.bias)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("classes", [2, 5])
def test_architectures_give_one_logit_per_class_and_have_their_default_layer(name, classes):
    with torch.device("meta"):  # shapes alone
        network = ARCHITECTURES[name].build(classes).eval()
        assert network(torch.rand(1, 3, 224, 224)).shape == (1, classes)
    assert network.get_submodule(ARCHITECTURES[name].default_layer) is not network
