import pytest
import torch
from torch import nn

from cam import MethodError, Network, tap
from cam.across import added


def names(network, kind, layer="late", size=(8, 6)):
    seen = []

    def note(at):
        seen.append(at.name)
        return (at.activations,)

    Network(network).across(kind, note, torch.rand(2, 3, *size), layer, 3)
    return seen


def test_stages_are_the_last_modules_at_each_resolution_and_the_tapped_one(two_stages):
    assert names(two_stages, "stages") == ["early", "late"]
    assert names(two_stages, "stages", "late.0") == ["early", "late.0"]
    assert names(two_stages, "stages", "pool") == ["early", "pool"]
    assert names(two_stages, "convolutions") == ["early.0", "late.0"]
    assert names(two_stages, "biases") == ["", "early.0", "early.1", "late.0"]


def test_another_image_size_has_layers_of_its_own(two_stages):
    """Pooled, 2 x 2 pixels are one cell, which is no map: the later stage is none there."""
    network, seen = Network(two_stages), []
    for size in ((8, 6), (2, 2)):
        network.across("stages", lambda at: seen.append(at.name) or (at.activations,), torch.rand(1, 3, *size), "", 3)
    assert seen == ["early", "late", "early"]


def test_what_is_there_is_what_a_tap_gives_whatever_fits_into_memory(two_stages, images, monkeypatch):
    tapped = tap(two_stages, two_stages, images, ("early", "late"))
    whole = Network(two_stages).across("stages", lambda at: (at.activations, at.gradients), images, "late", 3)
    monkeypatch.setattr("cam.across.BUDGET", 1)  # one image at a time
    parts = Network(two_stages).across("stages", lambda at: (at.activations, at.gradients), images, "late", 3)
    for name, one, other in zip(("early", "late"), whole, parts, strict=True):
        for found in (one, other):
            torch.testing.assert_close(found[0], tapped.activations[name])
            torch.testing.assert_close(found[1], tapped.gradients[name])


def test_what_enters_the_network_behind_a_wrapper(two_stages, images):
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = two_stages

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.network((x - 0.5) / 0.25)[: len(x)]

    of = Network(Wrapped(), two_stages)
    (x, g), *_ = of.across("biases", lambda at: (at.activations, at.gradients), images, "late", 3)
    torch.testing.assert_close(x, (images - 0.5) / 0.25)
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(g[:, 1], torch.autograd.grad(two_stages(leaf)[:, 1].sum(), leaf)[0])
    assert not two_stages._forward_pre_hooks


@pytest.mark.parametrize("weight", [True, False])
def test_what_a_batch_normalisation_adds(weight):
    norm = nn.BatchNorm2d(3, affine=weight).eval()
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    if weight:
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.bias, -1, 1)
    found = added(norm)
    torch.testing.assert_close(found, norm(torch.zeros(1, 3, 1, 1))[0, :, 0, 0].detach())
    assert added(nn.Conv2d(1, 1, 1, bias=False)) is None
    assert added(nn.BatchNorm2d(3, track_running_stats=False)) is None


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.conv(x)).mean(dim=(2, 3))


def test_what_cannot_be_found_is_said(two_stages):
    with pytest.raises(MethodError, match="unknown kind of layers 'stage'; expected stages, convolutions, biases"):
        names(two_stages, "stage")
    with pytest.raises(MethodError, match="layer 'conv' runs more than once"):
        names(Twice(), "convolutions", "conv")
    with pytest.raises(MethodError, match="this network has no stages with a map"):
        names(nn.Sequential(nn.Flatten(), nn.Linear(144, 3)), "stages", "0")


def test_modes_and_statistics_stay(two_stages, images):
    two_stages.train()
    before = two_stages.early[1].running_mean.clone()
    Network(two_stages).across("stages", lambda at: (at.activations,), images, "late", 3)
    assert two_stages.training
    assert torch.equal(two_stages.early[1].running_mean, before)
