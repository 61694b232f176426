import pytest
import torch
from torch import nn

from cam import METHODS, MapBatch, Network, compute_maps, maps_of, tap, tap_for
from cam.head import Head
from cam.methods import gradcam


def found(network, images, name, batch_size=32, layer="late"):
    of, methods = Network(network), {name: METHODS[name]}
    tapped = tap_for(of, images, [layer], methods)
    return maps_of(MapBatch(of, tapped, images, tuple("abcd"), 0, batch_size), methods)[name, layer]


@pytest.mark.parametrize("batch_size", [1, 32])
def test_ablationcam_equals_a_loop(two_stages, images, batch_size):
    maps = found(two_stages, images, "ablationcam", batch_size)
    for image, one in zip(images, maps, strict=True):
        a = two_stages.late(two_stages.pool(two_stages.early(image[None])))[0]
        whole = two_stages.head(a.mean(dim=(1, 2)))
        expected = torch.zeros_like(one)
        for c in range(len(a)):
            left = a.clone()
            left[c] = 0
            fall = (whole - two_stages.head(left.mean(dim=(1, 2)))) / whole.abs()
            expected += fall[:, None, None] * a[c]
        torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


def test_a_channel_that_is_0_costs_ablationcam_no_pass(two_stages, images, monkeypatch):
    two_stages.late[0].weight[0], two_stages.late[0].bias[0] = 0, -1
    silent = ((tap(two_stages, two_stages, images, ["late"]).activations["late"] == 0).all(dim=(2, 3))).sum()
    assert silent >= len(images)
    rows, run = [], Head.__call__
    monkeypatch.setattr(Head, "__call__", lambda self, a, *rest: rows.append(len(a)) or run(self, a, *rest))
    maps = found(two_stages, images, "ablationcam")
    assert sum(rows) == len(images) * len(two_stages.late[0].bias) - int(silent)
    for parameter in (two_stages.late[0].weight, two_stages.late[0].bias):
        parameter[1:] = 0  # now nothing is left to ablate
    rows.clear()
    assert found(two_stages, images, "ablationcam").eq(0).all()
    assert not rows
    assert maps.any()


@pytest.mark.parametrize("name", ["ablationcam", "reciprocam"])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_each_replaced_map_runs_on_its_own_image_where_the_rest_looks_at_images(
    gap_net, images, name, batch_size, monkeypatch
):
    """Such a rest cannot be run alone: the whole network runs, on the image that a map belongs to."""

    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = gap_net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x) * x.mean(dim=(1, 2, 3))[:, None] ** 8

    monkeypatch.setattr("cam.family.replacing.BUDGET", 7 * 4 * 3 * 5 * 48)  # seven maps at a time, of any images
    maps = found(Bright(), images, name, batch_size, "net.relu")
    alone = [found(Bright(), image[None], name, 32, "net.relu") for image in images]
    torch.testing.assert_close(maps, torch.cat(alone), rtol=1e-4, atol=1e-6)
    assert maps.std() > 0.01


def test_ablationcam_behind_a_linear_tail_is_gradcam_with_each_channel_times_its_sum(gap_net, images):
    tapped = tap(gap_net, gap_net, images, ["relu"])
    a, g = tapped.activations["relu"], tapped.gradients["relu"]
    maps = compute_maps(Network(gap_net), images, ["relu"], {"a": METHODS["ablationcam"]}).signed["a", "relu"]
    by_its_sum = gradcam(a * a.sum(dim=(2, 3), keepdim=True), g)
    torch.testing.assert_close(maps * tapped.logits.abs()[..., None, None], by_its_sum, rtol=1e-3, atol=1e-6)


def test_ablationcam_of_a_negative_logit_does_not_turn_over(gap_net, images):
    with torch.no_grad():
        gap_net.head.bias.copy_(torch.tensor([50.0, -50.0]))
    up, down = found(gap_net, images, "ablationcam", layer="relu").unbind(dim=1)
    with torch.no_grad():
        gap_net.head.bias.neg_()
    down_again, _ = found(gap_net, images, "ablationcam", layer="relu").unbind(dim=1)
    torch.testing.assert_close(torch.sign(up), torch.sign(down_again))
    assert not torch.equal(up, down)


@pytest.mark.parametrize("batch_size", [1, 32])
def test_reciprocam_equals_a_loop(two_stages, images, batch_size):
    maps = found(two_stages, images, "reciprocam", batch_size)
    bell = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    for image, one in zip(images, maps, strict=True):
        a = two_stages.late(two_stages.pool(two_stages.early(image[None])))[0]
        expected = torch.zeros_like(one)
        for i in range(4):
            for j in range(3):
                left = torch.zeros_like(a)
                for y in range(max(0, i - 1), min(4, i + 2)):
                    for x in range(max(0, j - 1), min(3, j + 2)):
                        left[:, y, x] = a[:, y, x] * bell[y - i + 1, x - j + 1]
                expected[:, i, j] = two_stages.head(left.mean(dim=(1, 2))).softmax(dim=0)
        low, high = expected.amin((1, 2), keepdim=True), expected.amax((1, 2), keepdim=True)
        torch.testing.assert_close(one, (expected - low) / (high - low), rtol=1e-4, atol=1e-5)


def test_reciprocam_of_probabilities_that_never_change_is_empty(two_stages, images):
    two_stages.head[2].weight.zero_()
    assert found(two_stages, images, "reciprocam").count_nonzero() == 0
