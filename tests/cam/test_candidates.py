import pytest
import torch
from torch import nn

from cam import LayerError, Network, candidates, default_candidate
from cam.candidates import ADDS, PASSES, RESHAPES, _does


def found(network: nn.Module, images: torch.Tensor) -> tuple[dict, str]:
    each = candidates(Network(network.eval()), images)
    return {candidate.name: candidate for candidate in each}, default_candidate(each).name


def small(*last: nn.Module) -> nn.Sequential:
    """Convolution, ReLU and what follows."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True), *last)


POOLED = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))


@pytest.mark.parametrize(
    "between",
    [
        [],
        [nn.MaxPool2d(2)],
        [nn.AvgPool2d(3, 1, 1)],  # pools, and keeps the size
        [nn.Dropout(0.5)],
        [nn.Identity(), nn.Dropout2d(0.5), nn.MaxPool2d(2)],
    ],
)
def test_the_activation_is_found_whatever_pools_or_passes_on_after_it(between, images):
    layers, default = found(small(*between, *POOLED), images)
    assert default == "1"
    assert layers["1"].shape == (5, 8, 6)
    assert (layers["0"].nonnegative, layers["1"].nonnegative) == (False, True)
    assert not layers["1"].passes_on


def test_an_activation_in_place_is_another_output_than_its_convolution(images):
    layers, _ = found(small(*POOLED), images)
    assert list(layers) == ["0", "1"]


def test_the_outermost_module_that_runs_once_names_the_output(images):
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.conv = nn.ReLU(inplace=True), nn.Conv2d(5, 5, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.relu(self.conv(self.relu(x)) + x)

    layers, default = found(nn.Sequential(small(Block()), *POOLED), images)
    assert default == "0"
    assert layers["0"].also == ("0.2", "0.2.relu#2")
    assert (layers["0.2.relu#1"].runs, layers["0"].runs) == (2, 1)


class Groups(nn.Module):
    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        return torch.cat([outputs, outputs.sum(1, keepdim=True)], dim=1)


def test_class_maps_are_logits_already(images):
    scores = nn.Sequential(nn.Conv2d(5, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.constant_(scores[0].weight, 0.5)  # nothing falls to the ReLU
    assert found(small(scores), images)[1] == "1"
    groups = Network(wrapped := nn.Sequential(small(scores), Groups()), wrapped[0])  # two outputs, three logits
    assert default_candidate(candidates(groups, images)).name == "1"
    only = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert found(only, images)[1] == "1"  # there is nothing else


def test_what_no_gradient_reaches_is_not_taken(images):
    class Side(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.side, self.last = small(), nn.Conv2d(5, 5, 1), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.body(x)
            self.side(x)
            return self.last(x.mean((2, 3)))

    layers, default = found(Side(), images)
    assert default == "body"
    assert not layers["side"].leads


def test_a_network_without_maps_says_what_to_do(images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    with pytest.raises(LayerError, match=r"no layer whose output is a map .* name one with --layers"):
        found(network, images)


def test_whole_numbers_and_what_is_not_of_the_images_are_no_maps(images):
    class Signs(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.gt(0).long()

    class Prior(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(x[:1])

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.signs, self.prior, self.last = small(), Signs(), Prior(), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.body(x)
            return self.last((x * self.signs(x) + self.prior(x)).mean((2, 3)))

    assert list(found(Both(), images)[0]) == ["body.0", "body"]


def test_logits_that_depend_on_no_map_have_none(images):
    class Deaf(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.body(x)
            return x.mean((2, 3))

    assert candidates(Network(Deaf()), images) == []


def test_the_network_is_left_as_it_was(images):
    network = small(*POOLED).train()
    network[0].bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    candidates(Network(network), images)
    assert all(module.training and not module._forward_hooks for module in network.modules())
    assert [p.requires_grad for p in network.parameters()] == [True, False, True, True]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(RuntimeError):
        candidates(Network(network), images[:, :2])
    assert not any(module._forward_hooks for module in network.modules())


class Doing(nn.Module):
    """Whatever a function does, in a module that torch does not know."""

    def __init__(self, function) -> None:
        super().__init__()
        self.forward = function


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x[..., ::2, ::2], PASSES),  # fewer numbers: pooled
        (lambda x: x.flatten(1), RESHAPES),
        (lambda x: x.clone(), PASSES),
        (torch.relu, ADDS),
        (torch.relu_, ADDS),  # in place
    ],
)
def test_what_a_module_without_parameters_does_is_seen_from_its_output(function, expected):
    given = torch.tensor([[[[1.0, -1], [2, -2]]]])
    assert _does(Doing(function), (given,), function(given)) == expected
    assert _does(Doing(function), (), torch.zeros(1)) == PASSES
    assert _does(nn.Sequential(Doing(function)), (given,), function(given)) == ADDS
