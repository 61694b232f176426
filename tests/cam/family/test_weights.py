import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cam import METHODS, MapBatch, MethodError, Network, compute_maps, maps_of, tap, tap_for
from cam.family.weights import (
    cam,
    finercam,
    gradcam_elementwise,
    gradcam_plusplus,
    hirescam,
    randomcam,
    shapleycam,
    xgradcam,
)
from cam.methods import gradcam, layercam

A = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # (1, 2, 1, 2)
G = torch.tensor([[[[[1.0, 3.0]], [[-1.0, 2.0]]]]])  # (1, 1, 2, 1, 2)


def draw(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gradcam_plusplus_by_hand():
    first = 1 / (2 + 3 * 1) * 1 + 1 / (2 + 3 * 3) * 3  # sum of A is 3 in both channels
    second = 1 / (2 + 3 * 2) * 2  # the negative gradient has no part
    expected = [[[[first * 1 + second * 3, first * 2 + second * 0]]]]
    torch.testing.assert_close(gradcam_plusplus(A, G), torch.tensor(expected))


def test_gradcam_plusplus_keeps_small_gradients_and_drops_a_zero_denominator():
    tiny = gradcam_plusplus(A, G * 1e-12)
    torch.testing.assert_close(tiny, layercam_sum(A, G * 1e-12) / 2, rtol=1e-5, atol=0)
    assert gradcam_plusplus(-A, torch.full_like(G, 2 / 3)).count_nonzero() == 0  # 2 + (-3) * 2/3


def layercam_sum(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    return torch.einsum("bkc,bchw->bkhw", gradients.relu().sum(dim=(-2, -1)), activations)


def test_xgradcam_by_hand():
    first, second = (1 * 1 + 3 * 2) / 3, (-1 * 3 + 2 * 0) / 3
    torch.testing.assert_close(xgradcam(A, G), torch.tensor([[[[first * 1 + second * 3, first * 2]]]]))


def test_a_channel_that_sums_to_zero_adds_nothing_to_xgradcam():
    balanced = torch.tensor([[[[1.0, -1.0]], [[3.0, 0.0]]]])
    torch.testing.assert_close(xgradcam(balanced, G), torch.tensor([[[[-3.0, 0.0]]]]))


def test_hirescam_and_elementwise_by_hand():
    assert hirescam(A, G).tolist() == [[[[1 - 3, 6 + 0]]]]
    assert gradcam_elementwise(A, G).tolist() == [[[[1 + 0, 6 + 0]]]]


@given(st.integers(0, 10**6))
def test_elementwise_is_layercam_where_activations_are_not_negative(seed):
    activations, gradients = draw(seed, (2, 4, 3, 3)).relu(), draw(seed + 1, (2, 2, 4, 3, 3))
    torch.testing.assert_close(layercam(activations, gradients), gradcam_elementwise(activations, gradients))


def test_identities_on_global_average_pooling_and_a_linear_head(gap_net, images):
    """CAM is Grad-CAM times the number of cells: the gradient of a mean is the weight over that number."""
    tapped = tap(gap_net, gap_net, images, ["relu"])
    activations, gradients = tapped.activations["relu"], tapped.gradients["relu"]
    expected = gradcam(activations, gradients)
    area = activations[0, 0].numel()
    torch.testing.assert_close(cam(activations, gap_net.head.weight.detach()) / area, expected)
    torch.testing.assert_close(hirescam(activations, gradients), expected)
    torch.testing.assert_close(xgradcam(activations, gradients), expected)
    assert (layercam(activations, gradients) >= expected.relu() - 1e-6).all()
    logits = hirescam(activations, gradients).sum(dim=(2, 3)) + gap_net.head.bias.detach()
    torch.testing.assert_close(logits, tapped.logits)


def test_cam_of_another_head_says_why(gap_net, images):
    with pytest.raises(MethodError, match="'conv' of this network is followed by something else"):
        compute_maps(Network(gap_net), images, ["conv"], {"cam": METHODS["cam"]})


def test_finercam_of_two_classes_is_the_margin():
    gradients = draw(0, (2, 2, 3, 4, 5))
    activations, logits = draw(1, (2, 3, 4, 5)), draw(2, (2, 2))
    margin = gradients - gradients.flip(1)
    torch.testing.assert_close(finercam(activations, gradients, logits), gradcam(activations, margin))
    torch.testing.assert_close(finercam(activations, gradients, logits, strength=0.0), gradcam(activations, gradients))


def test_finercam_compares_with_the_three_closest():
    gradients, activations = draw(0, (1, 5, 3, 2, 2)), draw(1, (1, 3, 2, 2))
    logits = torch.tensor([[0.0, 10.0, 1.0, -2.0, 3.0]], dtype=torch.float64)
    found = finercam(activations, gradients, logits)
    assert found.shape == (1, 5, 2, 2)
    first = gradients[:, 0] - (gradients[:, 2] + gradients[:, 3] + gradients[:, 4]) / 3
    torch.testing.assert_close(found[:, :1], gradcam(activations, first[:, None]))


def test_randomcam_is_decided_by_image_and_seed():
    activations = draw(0, (2, 3, 4, 4))
    both, one = randomcam(activations, ("a", "b"), 0, 2), randomcam(activations[1:], ("b",), 0, 2)
    torch.testing.assert_close(both[1:], one)
    assert not torch.allclose(both, randomcam(activations, ("a", "b"), 1, 2))
    assert not torch.allclose(both[:, 0], both[:, 1])


class Bent(torch.nn.Module):
    """A tail with curvature of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, stride=2)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.conv(images)).square().mean(dim=(2, 3)) * 3)


def test_shapleycam_equals_the_utility_differentiated_twice(images):
    torch.manual_seed(0)
    network = Bent()
    found = compute_maps(Network(network), images, ["conv"], {"s": METHODS["shapleycam"]}).signed["s", "conv"]
    for b, image in enumerate(images):
        a = network.conv(image[None]).detach()
        for k in range(3):

            def utility(x: torch.Tensor, k: int = k) -> torch.Tensor:
                logits = network.head(torch.tanh(x).square().mean(dim=(2, 3)) * 3)[0]
                return logits[k] + logits.log_softmax(dim=0)[k]

            slope = torch.autograd.functional.jacobian(utility, a)
            bend = torch.autograd.functional.hvp(utility, a, a)[1]
            weights = (slope - bend / 2).mean(dim=(2, 3), keepdim=True)
            torch.testing.assert_close(found[b, k], (weights * a).sum(dim=1)[0], rtol=1e-4, atol=1e-6)


def test_a_linear_tail_whose_weights_can_be_trained_has_no_curvature(gap_net, images):
    """The gradient depends on the weights then, and on no activation."""
    gap_net.requires_grad_()
    given = batch(gap_net, images).at("relu")
    assert given.curvature.shape == given.gradients.shape
    assert given.curvature.count_nonzero() == 0


def test_shapleycam_of_a_tail_linear_in_pieces_has_no_curvature_but_the_softmax(gap_net, images):
    given = batch(gap_net, images).at("relu")
    assert given.curvature.shape == given.gradients.shape
    assert given.curvature.count_nonzero() == 0
    alone = shapleycam(given.activations, given.gradients[:, :1], given.logits[:, :1], given.curvature[:, :1])
    torch.testing.assert_close(alone, gradcam(given.activations, given.gradients[:, :1]))  # one class: log p is 0


def batch(network: torch.nn.Module, images: torch.Tensor) -> MapBatch:
    of = Network(network)
    return MapBatch(of, tap_for(of, images, ["relu"], METHODS), images, tuple("abcd"))


def test_smooth_gradcam_plusplus_without_noise_is_gradcam_plusplus(gap_net, images):
    given = batch(gap_net, images).at("relu")
    found = METHODS["smoothgradcam++"].function(given.activations, images, given.ids, 0, given.tap_again, spread=0.0)
    torch.testing.assert_close(found, gradcam_plusplus(given.activations, given.gradients), rtol=1e-4, atol=1e-7)


def test_smooth_gradcam_plusplus_equals_a_loop(gap_net, images):
    from cam.seeds import named_generator

    gap_net.head = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    gap_net.head[0].weight.data.mul_(20)  # bent, so that the noise and its sign move the gradients
    made = batch(gap_net, images)
    found = maps_of(made, {"s": METHODS["smoothgradcam++"]})["s", "relu"]
    for b, image in enumerate(images):
        powers = []
        for n in range(5):
            noise = torch.from_numpy(named_generator(0, made.ids[b], "smooth", n).standard_normal((3, 8, 6))).float()
            powers.append(tap(gap_net, gap_net, (image + 0.1 * noise)[None], ["relu"]).gradients["relu"][0])
        g = torch.stack(powers)
        one, two, three = g.mean(0), g.square().mean(0), g.pow(3).mean(0)
        a = made.tapped.activations["relu"][b]
        denominator = 2 * two + a.sum(dim=(1, 2))[None, :, None, None] * three
        alpha = torch.where(denominator == 0, 0, two / denominator)
        weights = (alpha.nan_to_num() * one.relu()).sum(dim=(2, 3))
        torch.testing.assert_close(found[b], torch.einsum("kc,chw->khw", weights, a), rtol=1e-4, atol=1e-7)
