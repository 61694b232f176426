import pytest
import torch
from torch import nn

from cam import MethodError, Network, tap


class Skips(nn.Module):
    """What the tap gives is not all that leads on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        early = self.first(images)
        return self.last((self.second(early) + early).relu().mean(dim=(2, 3)))


class Branches(Skips):
    """Control flow that depends on values cannot be traced."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.second(self.first(images))
        return self.last(found.mean(dim=(2, 3)) * (2 if found.abs().max() >= 0 else 1))


def test_only_what_comes_after_the_layer_runs(gap_net, images):
    head, runs = Network(gap_net).head("relu"), []
    gap_net.conv.register_forward_hook(lambda *_: runs.append(1))
    activations = tap(gap_net, gap_net, images, ["relu"]).activations["relu"]
    runs.clear()
    torch.testing.assert_close(head(activations, images, 3), gap_net(images).detach(), rtol=0, atol=0)
    assert len(runs) == 1  # the plain call's


def test_a_layer_inside_a_block_is_cut_there(two_stages, images):
    head = Network(two_stages).head("late.0")
    assert head.tail is not None
    activations = two_stages.late[0](two_stages.pool(two_stages.early(images)))
    torch.testing.assert_close(head(activations, images, 3), two_stages(images))


def test_a_wrapper_that_looks_at_values_gets_the_answer_of_the_rest(gap_net, images):
    """It cannot be traced, the network inside can: the layers before the tapped one do not run again."""

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = gap_net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x - 0.5) * (x.mean(dim=(1, 2, 3))[:, None] if x.max() > 0 else 1)

    head, runs = Network(wrapper := Wrapper(), gap_net).head("relu"), []
    activations = tap(wrapper, gap_net, images, ["relu"]).activations["relu"]
    gap_net.conv.register_forward_hook(lambda *_: runs.append(1))
    found = head(activations, images, 3)
    assert not runs
    torch.testing.assert_close(found, wrapper(images).detach())
    assert "forward" not in vars(gap_net)


@pytest.mark.parametrize("kind", [Skips, Branches])
def test_a_network_that_cannot_be_cut_runs_whole(kind, images):
    torch.manual_seed(0)
    network = kind().eval()
    head = Network(network).head("second")
    assert head.tail is None
    activations = network.second(network.first(images)).detach()
    torch.testing.assert_close(head(activations, images, 3), network(images))
    assert not network.second._forward_hooks


def test_rows_are_blocks_of_their_image(images):
    torch.manual_seed(0)
    network = Skips().eval()
    activations = torch.rand(8, 4, 8, 6)
    found = Network(network).head("second")(activations, images, 3)
    early = network.first(images).repeat_interleave(2, dim=0)
    expected = network.last((activations + early).relu().mean(dim=(2, 3)))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(Network(network).head("second")(activations[2:4], images, 3, of=1), expected[2:4])
    of = torch.tensor([1, 0])
    torch.testing.assert_close(Network(network).head("second")(activations[[2, 0]], images, 3, of), expected[[2, 0]])


def test_the_activations_are_not_written_into(gap_net, images):
    activations = tap(gap_net, gap_net, images, ["conv"]).activations["conv"]
    before = activations.clone()
    Network(gap_net).head("conv")(activations, images, 4)
    assert torch.equal(activations, before)


def test_as_many_activations_for_every_image(gap_net, images):
    with pytest.raises(MethodError, match="given 5 activations for 4 images"):
        Network(gap_net).head("relu")(torch.rand(5, 5, 8, 6), images, 4)


def test_gradients_flow_through_the_rest(gap_net, images):
    activations = torch.rand(4, 5, 8, 6, requires_grad=True)
    Network(gap_net).head("relu")(activations, images, 4)[:, 0].sum().backward()
    torch.testing.assert_close(activations.grad[0, :, 0, 0], gap_net.head.weight[0].detach() / 48)


def test_the_rest_begins_at_the_run_that_is_named(images):
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.relu, self.conv, self.last = nn.ReLU(inplace=True), nn.Conv2d(3, 3, 1), nn.Linear(3, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.last(self.relu(self.conv(self.relu(images - 0.5))).mean(dim=(2, 3)))

    network = Twice().eval()
    activations = torch.rand(4, 3, 8, 6) - 0.5
    for name, expected in {
        "relu#1": network.last(network.conv(activations).relu().mean(dim=(2, 3))),
        "relu#2": network.last(activations.mean(dim=(2, 3))),
    }.items():
        head = Network(network).head(name)
        torch.testing.assert_close(head(activations, images, 4), expected)
        head.tail = None  # as where it cannot be cut
        torch.testing.assert_close(head(activations, images, 4), expected)
    assert Network(network).head("relu").tail is None
