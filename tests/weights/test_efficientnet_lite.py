import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from cam.head import Head
from cam.tap import tap
from datasets import DATASETS, load_batches
from weights import ARCHITECTURES, checkpoint_bytes, fresh_classifier, load_classifier
from weights.efficientnet_lite import EfficientNetLite, Inverted, Norm, SameConv, Separable, rounded

SIDES = {0: 224, 1: 240, 2: 260}
GROUPS = {"cat": slice(281, 286), "dog": slice(151, 269)}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return EfficientNetLite(2).eval()


def shapes(network, images, layers):
    found = {}
    for layer in layers:
        network.get_submodule(layer).register_forward_hook(lambda _m, _i, y, layer=layer: found.update({layer: y}))
    with torch.no_grad():
        network(images)
    return found


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "zeros"),
    [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (14, 5, 2, (1, 2)), (15, 5, 2, (2, 2)), (1, 3, 2, (1, 1))],
)
def test_zeros_are_added_as_tensorflow_adds_them(side, kernel, stride, zeros):
    convolution = SameConv(1, 1, kernel, stride)
    assert convolution._zeros(side) == zeros
    x = torch.rand(1, 1, side, side)
    y = convolution(x)
    assert y.shape[2:] == (math.ceil(side / stride),) * 2
    torch.testing.assert_close(y, F.conv2d(F.pad(x, [*zeros, *zeros]), convolution.weight, stride=stride))


def test_a_convolution_of_known_numbers():
    """Ones over a 4 x 4 picture of ones, stride 2: nine pixels inside, two thirds at an edge, four in the corner."""
    convolution = SameConv(1, 1, 3, 2)
    nn.init.ones_(convolution.weight)
    assert convolution(torch.ones(1, 1, 4, 4)).tolist() == [[[[9.0, 6.0], [6.0, 4.0]]]]


def test_the_activation_belongs_to_the_normalisation():
    x = torch.tensor([-1.0, 0.5, 9.0]).view(1, 1, 1, 3)
    scale = (1 + 1e-3) ** -0.5
    torch.testing.assert_close(Norm(1).eval()(x).flatten(), torch.tensor([0, 0.5 * scale, 6.0]), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(Norm(1, activated=False).eval()(x), x * scale, rtol=1e-6, atol=1e-6)


def test_a_block_adds_what_entered_where_it_fits():
    x = torch.rand(1, 16, 6, 6)
    for block in (Inverted(16, 16, 3, 1, 6).eval(), Separable(16, 16, 3, 1).eval()):
        nn.init.zeros_(list(block.parameters())[-2])  # the last normalisation's weight: nothing comes through
        assert torch.equal(block(x), x)
    for block in (Inverted(16, 24, 3, 1, 6), Inverted(16, 16, 3, 2, 6), Separable(16, 24, 3, 1)):
        assert not block.skips


@pytest.mark.parametrize(
    ("channels", "width"), [(16 * 1.1, 16), (24 * 1.1, 24), (40 * 1.1, 48), (80 * 1.1, 88), (112 * 1.1, 120), (9, 16)]
)
def test_widths_are_multiples_of_eight(channels, width):
    """44 lies in the middle and goes up; 9 would lose more than a tenth as 8."""
    assert rounded(channels) == width


def test_the_taps_have_the_shapes_that_are_promised(network):
    found = shapes(network, torch.rand(1, 3, 224, 224), ("bn2", "blocks.4", "blocks.5"))
    assert found["bn2"].shape == (1, 1280, 7, 7)
    assert found["bn2"].min() >= 0 and found["bn2"].max() <= 6
    assert found["blocks.4"].shape == (1, 112, 14, 14)
    assert found["blocks.4"].min() < 0
    assert found["blocks.5"].shape == (1, 192, 7, 7)


def test_what_follows_a_tap_runs_alone(network):
    images = torch.rand(2, 3, 64, 64)
    tapped = tap(network, network, images, ["bn2", "blocks.4"])
    for layer in ("bn2", "blocks.4"):
        head = Head(network, network, layer)
        assert head.tail is not None
        torch.testing.assert_close(head(tapped.activations[layer], images, 2), tapped.logits, rtol=1e-4, atol=1e-5)


def test_training_moves_statistics_and_drops_features(network):
    network.train()
    before = network.bn2.running_mean.clone()
    network(torch.rand(4, 3, 32, 32))
    assert not torch.equal(network.bn2.running_mean, before)
    assert network.bn2.num_batches_tracked == 1
    assert network.dropout.p == 0.2


def test_a_trained_network_is_saved_and_loaded_under_either_name(tmp_path):
    torch.manual_seed(0)
    classifier = fresh_classifier("tf_efficientnet_lite0")
    assert classifier.checkpoint.arch == "efficientnet_lite0"
    path = tmp_path / "lite.safetensors"
    path.write_bytes(checkpoint_bytes(classifier, {}))
    stored = load_file(path)
    assert stored["bn2.running_var"].dtype == torch.float32
    assert stored["bn2.num_batches_tracked"].dtype == torch.int64
    assert stored["bn2.weight"].dtype == torch.float16
    images = torch.rand(2, 3, 64, 64)
    for arch in (None, "tf_efficientnet_lite0", "efficientnet_lite0"):
        again = load_classifier(path, arch=arch)
        assert again.checkpoint.arch == "efficientnet_lite0"
        torch.testing.assert_close(again(images), classifier(images), rtol=1e-2, atol=1e-3)
    save_file(stored, path)
    assert "recognised by its tensors: efficientnet_lite0" in load_classifier(path).checkpoint.notes[1]


@pytest.mark.parametrize("number", SIDES)
def test_the_published_weights_fit_and_know_their_classes(shared, number):
    network = ARCHITECTURES[f"efficientnet_lite{number}"].build(1000).eval()
    network.load_state_dict(load_file(shared / "weights" / f"efficientnet-lite{number}-imagenet.safetensors"))
    records = DATASETS["files"](shared / "data" / "lab", None, False).records
    side = SIDES[number]
    batch = next(load_batches(records, [range(len(records))], resize=side, crop=side, classes=("cat", "dog")))
    with torch.no_grad():
        logits = network(batch.images.float() / 127.5 - 1)
    groups = torch.stack([logits[:, each].logsumexp(1) for each in GROUPS.values()], 1)
    assert groups.argmax(1).tolist() == [1, 0, 1], batch.ids  # both, cat, dog


@pytest.mark.parametrize("number", SIDES)
def test_parity_with_timm(shared, number):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    tensors = load_file(shared / "weights" / f"efficientnet-lite{number}-imagenet.safetensors")
    layers = ("blocks.0", "blocks.4", "bn2")
    images = torch.rand(2, 3, SIDES[number], SIDES[number] - 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = []
    for network in (
        ARCHITECTURES[f"efficientnet_lite{number}"].build(1000),
        timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False),
    ):
        network.load_state_dict(tensors)
        assert set(network.state_dict()) == set(tensors)
        maps = shapes(network.eval(), images, layers)
        with torch.no_grad():
            found.append({"logits": network(images), **maps})
    for name, ours in found[0].items():
        torch.testing.assert_close(ours, found[1][name], rtol=1e-5, atol=1e-5)
