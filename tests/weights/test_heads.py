import pytest
import torch
from torch import nn

from cam import METHODS, Network, compute_maps
from weights import Checkpoint, Classifier, Preprocess, WeightsError, tried
from weights.heads import Head, meaning_of

GROUPS = ((1, 4, 5), (0,), (2, 3))  # of 7 outputs; 6 is in none


def net(outputs, end=None, channels=3):
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, outputs),
    ]  # fmt: skip
    return nn.Sequential(*layers, *([end] if end else []))


def classifier(network, classes=("a", "b", "c"), groups=(), **preprocess):
    settings = Preprocess(16, 16, **preprocess)
    return Classifier(network, Checkpoint("net", "", "own", classes, "", settings, 1, groups=groups))


def test_a_group_has_the_logsumexp_of_its_members():
    outputs = torch.tensor([[0.0, 1, 2, 3, 4, 5, 99], [1, 1, 1, 1, 1, 1, 1]])
    logits = Head(("a", "b", "c"), GROUPS)(outputs, 2)
    expected = [
        [torch.tensor([1.0, 4, 5]).exp().sum().log(), 0, torch.tensor([2.0, 3]).exp().sum().log()],
        [1 + torch.tensor(3.0).log(), 1, 1 + torch.tensor(2.0).log()],
    ]
    torch.testing.assert_close(logits, torch.tensor(expected))


def test_groups_share_the_networks_own_probability():
    outputs = torch.randn(5, 7, dtype=torch.float64)
    logits = Head(("a", "b"), ((0, 2, 4, 6), (1, 3, 5)))(outputs, 5)
    probability = outputs.softmax(1)
    torch.testing.assert_close(logits.softmax(1)[:, 0], probability[:, ::2].sum(1).float())


def test_large_outputs_do_not_overflow():
    assert Head(("a", "b"), ((0, 1), (2,)))(torch.tensor([[1e4, 1e4, -1e4]], dtype=torch.float16), 1).isfinite().all()


def test_gradients_of_group_logits_are_those_of_naive_autograd():
    given = classifier(net(7), groups=GROUPS)
    images = torch.rand(3, 3, 16, 16)
    maps = compute_maps(Network(given, given.network), images, ("2",), {"gradcam": METHODS["gradcam"]}).raw(
        "gradcam", "2"
    )
    for number, members in enumerate(GROUPS):
        kept = []
        handle = given.network[2].register_forward_hook(
            lambda _m, _i, output, kept=kept: kept.append(output.requires_grad_()) or output
        )
        outputs = given.network(given.normalise(images))
        handle.remove()
        logit = sum(outputs[:, member].exp() for member in members).log()
        (gradient,) = torch.autograd.grad(logit.sum(), kept)
        naive = (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(1).relu()
        torch.testing.assert_close(maps[:, number], naive.detach(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "end", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid()], ids=["softmax", "log-softmax", "sigmoid"]
)
@pytest.mark.parametrize(("outputs", "groups"), [(3, ()), (7, GROUPS), (1000, GROUPS)])
def test_probabilities_are_refused_whatever_the_head(end, outputs, groups):
    with pytest.raises(WeightsError, match=r"ends in (log-)?s(oftmax|igmoid).*return what goes into it"):
        tried(classifier(net(outputs, end), groups=groups))


class ByHand(nn.Module):
    def forward(self, outputs):
        return outputs.exp() / outputs.exp().sum(1, keepdim=True)


@pytest.mark.parametrize("outputs", [3, 7, 1000])
def test_also_a_softmax_by_hand(outputs):
    groups = () if outputs == 3 else GROUPS
    with pytest.raises(WeightsError, match="ends in softmax"):
        tried(classifier(net(outputs, ByHand()), groups=groups))


@pytest.mark.parametrize(("outputs", "groups"), [(3, ()), (7, GROUPS), (1000, GROUPS)])
def test_ordinary_heads_are_not(outputs, groups):
    given = tried(classifier(net(outputs), groups=groups))
    assert given(torch.rand(2, 3, 16, 16)).shape == (2, 3)
    assert given.checkpoint.notes == ()


@pytest.mark.parametrize(
    ("outputs", "groups", "message"),
    [
        (5, (), "gives 5 outputs, expected 3 for a, b, c; name as many with --classes a,b,..., or groups of outputs"),
        (1, (), "gives 1 outputs, expected 3 for"),
        (5, GROUPS, r"gives 5 outputs, expected \(B, N\) with N of at least 6 for a, b, c"),
    ],
)
def test_other_outputs_are_refused(outputs, groups, message):
    with pytest.raises(WeightsError, match=message):
        tried(classifier(net(outputs), groups=groups))


def test_messages_say_how_many_are_meant():
    wrong = net(3, nn.Unflatten(1, (3, 1)))
    with pytest.raises(WeightsError, match=r"returns \(7, 3, 1\) for 7 images, expected \(B, 3\)"):
        tried(classifier(wrong))
    with pytest.raises(WeightsError, match=r"expected \(B, N\) with N of at least 6"):
        tried(classifier(net(7, nn.Unflatten(1, (7, 1))), groups=GROUPS))


def test_a_network_of_one_channel_sees_grey():
    given = tried(classifier(net(3, channels=1), mean=(0.25,), std=(0.5,)))
    images = torch.rand(2, 3, 16, 16)
    grey = 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]
    torch.testing.assert_close(given(images), given.network((grey - 0.25) / 0.5).detach())
    same = grey.expand(-1, 3, -1, -1)
    torch.testing.assert_close(given(same), given(images), rtol=1e-5, atol=1e-6)


def test_one_mean_for_a_network_of_three_channels_is_refused():
    with pytest.raises(WeightsError, match=r"takes 3 channels, images are grey, for there is one mean: give a mean"):
        tried(classifier(net(3), mean=(0.25,), std=(0.5,)))


@pytest.mark.parametrize(
    ("outputs", "said", "message"),
    [
        (
            5,
            [],
            r"weights 'f' have 5 outputs, and nothing says what they are; name them with --classes",
        ),
        (1001, [], "ImageNet's are cat=282-286,dog=152-269"),
        (1, [("x", ("a", "b", "c"), None)], "3 names, x.*one output, which is two classes"),
        (9, [("x", None, {"a": (1,), "b": (8, 9)})], "group 'b' has output 9, the network in 'f' has outputs 0 to 8"),
    ],
)
def test_what_outputs_cannot_mean(outputs, said, message):
    with pytest.raises(WeightsError, match=message):
        meaning_of(said, outputs, "f")


def test_the_first_who_names_classes_or_groups_decides():
    groups = {"dog": (1, 2), "cat": (0,)}
    named, grouped = ("x", tuple("abcde"), None), ("y", None, groups)
    assert meaning_of([("w", None, None), named, grouped], 5, "f").classes == tuple("abcde")
    found = meaning_of([grouped, named], 5, "f")
    assert (found.classes, found.groups, found.warnings) == (("dog", "cat"), ((1, 2), (0,)), ())
    other = ("z", tuple("abced"), None)
    assert (
        "number of this run belongs to another class: --classes a,b,c,e,d"
        in meaning_of([named, other], 5, "f").warnings[0]
    )
