import dataclasses

import pytest
import torch
from torch import nn
from torchvision.transforms.v2.functional import normalize

from weights import Checkpoint, Classifier, Preprocess, WeightsError

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture
def make(network):
    def build(dtype=torch.float32, **preprocess) -> Classifier:
        settings = Preprocess(**preprocess)
        checkpoint = Checkpoint("x", "x.pth", "tiny", ("dog", "cat"), "0" * 64, settings, 62)
        return Classifier(network.to(dtype), checkpoint)

    return build


@pytest.mark.parametrize("preprocess", [{}, {"mean": MEAN, "std": STD}])
def test_classifier_is_normalisation_then_network(make, network, preprocess):
    classifier = make(**preprocess)
    settings = classifier.checkpoint.preprocess
    images = torch.rand(4, 3, 9, 9)
    expected = normalize(images, list(settings.mean), list(settings.std))
    torch.testing.assert_close(classifier.normalise(images), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(classifier(images), network(expected), rtol=0, atol=1e-5)


def test_mean_colour_is_zero_and_extremes_are_exact(make):
    classifier = make(mean=MEAN, std=STD)
    grey = torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, 5, 5)
    torch.testing.assert_close(classifier.normalise(grey), torch.zeros(1, 3, 5, 5), rtol=0, atol=1e-6)
    white = classifier.normalise(torch.ones(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(white, torch.tensor([0.5 / 0.2, 0.6 / 0.25, 0.7 / 0.3]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_network_runs_in_its_type_and_logits_are_float32(make, dtype):
    classifier = make(dtype)
    seen = []
    classifier.network[0].register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    logits = classifier(torch.rand(2, 3, 8, 8))
    assert {seen[0][0].dtype, seen[0][1].dtype} == {dtype}
    assert logits.dtype == torch.float32
    assert logits.shape == (2, 2)


def test_gradients_reach_the_images_but_no_parameter(make):
    classifier = make()
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    classifier(images)[0, 0].backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in classifier.parameters())


def test_normalisation_is_not_part_of_the_state(make):
    classifier = make()
    assert set(classifier.state_dict()) == {f"network.{name}" for name in classifier.network.state_dict()}
    assert classifier.classes == ("dog", "cat")
    assert not classifier.training


def test_preprocess_and_checkpoint_are_frozen(make):
    checkpoint = make().checkpoint
    with pytest.raises(dataclasses.FrozenInstanceError):
        checkpoint.arch = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        checkpoint.preprocess.crop = 1


def test_errors_are_one_line():
    assert str(WeightsError("weights 'a\nb\r\nc'")) == "weights 'a\\nb\\nc'"
    assert issubclass(WeightsError, ValueError)


def test_dropout_is_off(make):
    classifier = make()
    classifier.network.append(nn.Dropout(0.9))
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(classifier.eval()(images), classifier(images))
