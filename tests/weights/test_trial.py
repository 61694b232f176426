import dataclasses
import math
from collections import namedtuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from weights import Checkpoint, Classifier, Preprocess, WeightsError, load_classifier, tried
from weights.trial import probes

Pair = namedtuple("Pair", "features score")


@dataclasses.dataclass
class Output:
    loss: object
    logits: torch.Tensor


class After(nn.Module):
    """A small network, and what is done to its outputs (B, n)."""

    def __init__(self, change=lambda x: x, outputs=2, network=None):
        super().__init__()
        self.network = network or nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs)
        )
        self.change = change

    def forward(self, images):
        return self.change(self.network(images))


def classifier(network, crop=16, **preprocess):
    torch.manual_seed(0)
    settings = Preprocess(crop, crop, **preprocess)
    return Classifier(network, Checkpoint("net", "", "own", ("cat", "dog"), "", settings, 1))


def after(change=lambda x: x, outputs=2):
    torch.manual_seed(0)
    return classifier(After(change, outputs))


ENDINGS = {
    "softmax": lambda z: z.softmax(1),
    "softmax, saturated": lambda z: (z * 1e6).softmax(1),
    "softmax by hand": lambda z: z.exp() / z.exp().sum(1, keepdim=True),
    "softmax in a tuple": lambda z: (z.softmax(1),),
    "softmax of maps": lambda z: z[:, :, None, None].softmax(1),
    "log-softmax": lambda z: F.log_softmax(z, 1),
    "log-softmax by hand": lambda z: z - z.logsumexp(1, keepdim=True),
    "sigmoid": lambda z: z.sigmoid(),
    "sigmoid of one": lambda z: z[:, :1].sigmoid(),
    "sigmoid of one, squeezed": lambda z: z[:, 0].sigmoid().squeeze(),
    "log-sigmoid": lambda z: F.logsigmoid(z),
    "sigmoid and its rest": lambda z: torch.stack([1 - z[:, 0].sigmoid(), z[:, 0].sigmoid()], dim=1),
    "softmax over the batch": lambda z: z.softmax(0),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_network_that_ends_in_probabilities_is_refused(ending):
    kind = ending.split()[0].split(",")[0]
    kind = "softmax" if ending == "sigmoid and its rest" else kind
    with pytest.raises(WeightsError, match=rf"network 'net' \(own\) ends in {kind}.*return what goes into it"):
        tried(after(ENDINGS[ending]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_also_in_half_precision(dtype):
    torch.manual_seed(0)
    network = After(lambda z: z.exp() / z.exp().sum(1, keepdim=True)).to(dtype)
    with pytest.raises(WeightsError, match="ends in softmax"):
        tried(classifier(network))


ORDINARY = {
    "as it is": lambda z: z,
    "tiny": lambda z: z * 1e-6,
    "huge": lambda z: z * 1e6,
    "positive": lambda z: z.relu(),
    "negative": lambda z: -z.exp(),
    "in 0..1": lambda z: z.abs() / (1 + z.abs()),
    "centred": lambda z: z - z.mean(1, keepdim=True),
    "around one half": lambda z: 0.5 + z / 100,
    "the same for every image": lambda z: z * 0 + torch.tensor([0.25, 0.75], dtype=z.dtype),
    "attention before": lambda z: (z[:, :, None] * z[:, None]).softmax(2).sum(1) * z,
}


@pytest.mark.parametrize("change", ORDINARY)
@pytest.mark.parametrize("seed", range(5))
def test_an_ordinary_network_is_not(change, seed):
    torch.manual_seed(seed)
    given = classifier(After(ORDINARY[change]))
    assert tried(given) is given
    assert given.checkpoint.notes == ()


def test_the_real_networks_are_not(narrow):
    for name in ("catdog-scenes", "catdog-photos-alexnet"):
        given = load_classifier(name)
        assert tried(given).checkpoint.notes == ()
    assert tried(narrow) is narrow


UNPACKED = {
    "a tuple": (lambda z: (z, torch.ones(len(z), 512)), "tuple"),
    "a list": (lambda z: [z], "list"),
    "a dict": (lambda z: {"logits": z, "pair": torch.ones(len(z), 2)}, "dict"),
    "a dict without the name": (lambda z: {"out": z, "features": torch.ones(len(z), 4, 3, 3)}, "dict"),
    "a dataclass": (lambda z: Output(None, z), "Output"),
    "a named tuple": (lambda z: Pair(torch.ones(len(z), 7), z), "Pair"),
}


@pytest.mark.parametrize("name", UNPACKED)
def test_plain_wrappings_are_unpacked(name):
    change, kind = UNPACKED[name]
    images = torch.rand(3, 3, 16, 16)
    given = tried(after(change))
    assert given.checkpoint.notes == (f"the logits are taken out of the {kind} that the network returns",)
    assert torch.equal(given(images), after()(images))


def test_outputs_of_one_by_one_maps_are_flattened():
    images = torch.rand(3, 3, 16, 16)
    assert torch.equal(tried(after(lambda z: z[:, :, None, None]))(images), after()(images))


@pytest.mark.parametrize("shape", [lambda z: z, lambda z: z[:, 0], lambda z: z.squeeze()])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_output_becomes_two_logits(shape, count):
    given = tried(after(shape, outputs=1))
    images = torch.rand(count, 3, 16, 16)
    z = after(outputs=1).network(given.normalise(images))
    torch.testing.assert_close(given(images), torch.cat([-z / 2, z / 2], dim=1))
    torch.testing.assert_close(given(images).softmax(1)[:, 1:], z.sigmoid())
    assert "read as (-z/2, z/2)" in given.checkpoint.notes[0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_squeezed_pairs(count):
    images = torch.rand(count, 3, 16, 16)
    assert torch.equal(tried(after(lambda z: z.squeeze()))(images), after()(images))


REFUSED = {
    "three outputs": (lambda z: torch.cat([z, z[:, :1]], 1), "gives 3 outputs, expected 2, or 1 for a sigmoid"),
    "two pairs": (
        lambda z: (z, -z),
        r"returns a tuple \(0: \(7, 2\), 1: \(7, 2\)\), expected logits .* return the logits",
    ),
    "keys": (lambda z: {"a": z, "b": z}, r"returns a dict \(a: \(7, 2\), b: \(7, 2\)\), expected logits"),
    "maps": (
        lambda z: z[:, :, None, None].expand(-1, -1, 4, 4),
        r"returns \(7, 2, 4, 4\) for 7 images, expected \(B, 2\)",
    ),
    "nothing": (lambda z: None, "returns a NoneType"),
    "a number": (lambda z: z.mean(), r"returns \(\) for 7 images"),
    "classes": (lambda z: z.argmax(1), r"returns \(7,\) of torch.int64"),
    "half the batch": (lambda z: z[:3], r"returns \(3, 2\) for 7 images"),
    "NaN": (lambda z: z / 0 * 0, "gives NaN or infinity for plain images as float32; check mean and std"),
    "infinity": (lambda z: z * math.inf, "gives NaN or infinity"),
    "an empty tuple": (lambda z: (), r"returns a tuple \(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_outputs_are_refused_in_one_line(name):
    change, message = REFUSED[name]
    with pytest.raises(WeightsError, match=message) as caught:
        tried(after(change))
    assert "\n" not in str(caught.value)


def fails(error):
    def change(z):
        raise error

    return change


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (ZeroDivisionError("one\n  two\n\n"), "ZeroDivisionError: two"),
        (SystemExit(3), "SystemExit: 3"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_a_network_that_raises_is_one_line_with_its_last(error, said):
    with pytest.raises(WeightsError, match=rf"fails on images \(7, 3, 16, 16\).*: {said}$") as caught:
        tried(after(fails(error)))
    assert "\n" not in str(caught.value)


def test_one_image_alone_is_tried_too():
    with pytest.raises(WeightsError, match=r"fails on images \(1, 3, 16, 16\)"):
        tried(after(lambda z: z @ z.T[:2, :2] if len(z) > 1 else z @ z))


@pytest.mark.parametrize(
    "change",
    [
        lambda z: F.dropout(z[:, :, None].expand(-1, -1, 64)).mean(2),
        lambda z: (z - z.mean(0)) / (z.std(0, correction=0) + 1e-3),
    ],
)
def test_logits_that_depend_on_chance_or_on_the_other_images_are_refused(change):
    with pytest.raises(WeightsError, match="gives other logits for an image alone than in a batch"):
        tried(after(change))


def flat(side):
    """A network for one input size alone."""
    return nn.Sequential(nn.Conv2d(3, 2, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * (side // 2) ** 2, 2))


class Mixing(nn.Module):
    """x.view(-1, N) makes images of several where the size is not the one it was made for."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 2, 3, 2, 1), nn.Linear(2 * 32 * 32, 2)

    def forward(self, images):
        return self.head(self.conv(images).view(-1, 2 * 32 * 32))


@pytest.mark.parametrize(("side", "crop"), [(64, 224), (224, 64), (288, 224)])
def test_a_fixed_input_size_is_found(side, crop):
    give = f"give --resize {max(side, crop)} --crop {side}"
    message = rf"in layer '3': RuntimeError: mat1 and mat2.*; it takes crop {side}: {give}$"
    with pytest.raises(WeightsError, match=message):
        tried(classifier(flat(side), crop))
    tried(classifier(flat(side), side))


def test_images_that_run_into_each_other_are_noticed():
    with pytest.raises(
        WeightsError, match=r"returns \(28, 2\) for 7 images.*it takes crop 64: give --resize 128 --crop 64"
    ):
        tried(classifier(Mixing(), 128))


def test_a_size_that_is_not_found_still_gives_the_reason():
    with pytest.raises(
        WeightsError, match=r"in layer '3': RuntimeError: mat1 and mat2 shapes cannot be multiplied[^;]*$"
    ):
        tried(classifier(flat(18), 16))


def test_a_crop_smaller_than_the_network_takes(narrow):
    small = Classifier(narrow.network, dataclasses.replace(narrow.checkpoint, preprocess=Preprocess(16, 16)))
    with pytest.raises(WeightsError, match=r"in layer 'features\.5': .*Output size is too small; it takes crop 64"):
        tried(small)


@pytest.mark.parametrize(("channels", "said"), [(1, "--mean 0.5 --std 0.5"), (4, "give a network for 3")])
def test_other_channels_name_the_layer(channels, said):
    network = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    with pytest.raises(WeightsError, match=rf"layer '0' takes {channels} channels?, images are RGB.*{said}"):
        tried(classifier(network))


def test_probes_differ_and_are_always_the_same():
    images = probes(8, 8)
    assert images.shape == (7, 3, 8, 8)
    assert images.min() == 0
    assert images.max() == 1
    assert len({tuple(image.flatten().tolist()) for image in images}) == 7
    assert torch.equal(images, probes(8, 8))


def test_nothing_is_left_on_the_network():
    given = after()
    tried(given)
    assert not any(module._forward_pre_hooks for module in given.modules())
    assert not any(parameter.requires_grad for parameter in given.parameters())
