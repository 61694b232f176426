"""Grad-CAM by hand: against a hand-computed case, and against the maps of the engine."""

import pytest
import torch
from torch import nn

from bench.networks.naive import as_map, largest_difference, logit, naive_gradcam
from cam import METHODS, Network, compute_maps
from weights import Checkpoint, Classifier, Preprocess

PLAIN = Preprocess(resize=8, crop=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def classifier(network: nn.Module, groups: tuple[tuple[int, ...], ...] = ()) -> Classifier:
    return Classifier(network, Checkpoint("x", "x.pth", "x", ("cat", "dog"), "", PLAIN, 0, groups))


def overwriting(outputs: int) -> nn.Module:
    """What follows the first layer writes into its output."""
    torch.manual_seed(0)
    body = (nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*body, nn.Linear(4, outputs))


def test_a_mean_of_channels_by_hand():
    """z_k is w_k times the mean of A, so that dz_k / dA = w_k / (h w) and S[k] = w_k A / (h w)."""
    network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2, bias=False))
    weights = torch.tensor([[1.0, 0, -1], [2, 1, 0]])
    network[3].weight.data = weights
    images = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = torch.einsum("kc,bchw->bkhw", weights / 4, images)
    assert torch.allclose(naive_gradcam(classifier(network), images, "0"), expected)


@pytest.mark.parametrize("groups", [(), ((0, 2), (1, 3, 4))])
def test_it_agrees_with_the_engine(groups):
    judged = classifier(overwriting(5 if groups else 2), groups)
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    maps = compute_maps(Network(judged, judged.network), images, ("0",), {"gradcam": METHODS["gradcam"]})
    naive = naive_gradcam(judged, images, "0")
    assert largest_difference(maps.signed["gradcam", "0"], naive) < 1e-5
    assert largest_difference(-maps.signed["gradcam", "0"], naive) > 1


def test_the_logit_of_a_group_is_the_log_of_a_sum():
    outputs = torch.tensor([[1.0, 2, 3]])
    grouped = classifier(nn.Identity(), ((0, 2), (1,)))
    assert logit(grouped, outputs, 0).item() == pytest.approx(torch.tensor([1.0, 3]).exp().sum().log().item())
    assert logit(grouped, outputs, 1).item() == 2
    assert logit(classifier(nn.Identity()), outputs, 1).item() == 2


def test_outputs_of_any_form_are_maps():
    maps = torch.arange(24.0).view(1, 6, 2, 2)
    cells = maps.flatten(2).transpose(1, 2)
    assert torch.equal(as_map(maps, "map"), maps)
    assert torch.equal(as_map(maps.movedim(1, -1), "channels_last"), maps)
    assert torch.equal(as_map(torch.cat([torch.ones(1, 1, 6), cells], dim=1), "tokens"), maps)


def test_hooks_are_removed():
    judged = classifier(overwriting(2))
    naive_gradcam(judged, torch.rand(1, 3, 8, 8), "0")
    assert not any(module._forward_hooks for module in judged.network.modules())


def test_the_difference_is_relative_to_each_map():
    maps = torch.tensor([[[[1.0, -4]], [[10, 0]]]])
    assert largest_difference(maps + torch.tensor([0.1, 0.0]), maps) == pytest.approx(0.1 / 4)


def test_empty_maps_show_nothing():
    with pytest.raises(ValueError, match="a map is 0 everywhere"):
        largest_difference(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2))
