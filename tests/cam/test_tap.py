import pytest
import torch
from torch import nn

from cam import LayerError, check_layers, tap


def naive(network: nn.Module, layers: list[str], images: torch.Tensor) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Activations and gradients layer by layer, class by class, with in-place operations turned off."""
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    kept: dict[str, torch.Tensor] = {}
    for name in layers:
        network.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: kept.update({name: o}))
    network.eval()
    logits = network(images.clone().requires_grad_())
    return {
        name: (
            kept[name].detach(),
            torch.stack(
                [
                    torch.autograd.grad(logits[:, k].sum(), kept[name], retain_graph=True)[0]
                    for k in range(logits.shape[1])
                ],
                dim=1,
            ),
        )
        for name in layers
    }


@pytest.mark.parametrize("layers", [["conv"], ["relu"], ["conv", "relu"], ["relu", "conv"]])
def test_activations_and_gradients_equal_plain_autograd_despite_inplace_relu(gap_net, images, layers):
    tapped = tap(gap_net, gap_net, images, layers)
    for name, (activations, gradients) in naive(gap_net, layers, images).items():
        torch.testing.assert_close(tapped.activations[name], activations)
        torch.testing.assert_close(tapped.gradients[name], gradients)
    assert (tapped.activations[layers[0]] < 0).any() == (layers[0] == "conv")


def test_logits_are_those_of_the_plain_network(gap_net, images):
    tapped = tap(gap_net, gap_net, images, ["relu"])
    torch.testing.assert_close(tapped.logits, gap_net(images).detach())
    assert not tapped.logits.requires_grad


def test_works_inside_inference_mode(gap_net, images):
    with torch.inference_mode():
        inside = tap(gap_net, gap_net, images, ["relu"])
    torch.testing.assert_close(inside.gradients["relu"], tap(gap_net, gap_net, images, ["relu"]).gradients["relu"])


def state(network: nn.Module) -> list[object]:
    return [
        [module.training for module in network.modules()],
        [parameter.requires_grad for parameter in network.parameters()],
        [parameter.grad for parameter in network.parameters()],
        [len(module._forward_hooks) for module in network.modules()],
    ]


def test_network_is_as_before_after_success_and_after_failure(gap_net, images):
    gap_net.train()
    gap_net.relu.eval()
    gap_net.head.bias.requires_grad_(False)
    before = state(gap_net)
    tap(gap_net, gap_net, images, ["relu"])
    assert state(gap_net) == before
    with pytest.raises(RuntimeError):
        tap(gap_net, gap_net, images[:, :2], ["relu"])  # two channels
    assert state(gap_net) == before


def test_runs_in_evaluation_mode():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Dropout(0.9), nn.Flatten(), nn.Linear(16, 2)).train()
    images = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tap(network, network, images, ["1"]).logits, network.eval()(images).detach())


def test_unknown_layer_names_the_closest_and_all(gap_net, images):
    with pytest.raises(
        LayerError, match=r"unknown layer 'rellu' \(did you mean 'relu'\?\); the layers are: conv, relu, head"
    ):
        tap(gap_net, gap_net, images, ["rellu"])
    with pytest.raises(LayerError, match="named twice"):
        check_layers(gap_net, ["relu", "relu"])
    with pytest.raises(LayerError, match="unknown layer ''"):
        check_layers(gap_net, [""])


def test_layers_that_cannot_be_tapped(gap_net, images):
    with pytest.raises(LayerError, match=r"layer 'head' gives \(4, 2\), a map needs \(B, C, h, w\)"):
        tap(gap_net, gap_net, images, ["head"])
    gap_net.unused = nn.Conv2d(3, 3, 1)
    with pytest.raises(LayerError, match="'unused' does not run"):
        tap(gap_net, gap_net, images, ["unused"])


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu, self.side, self.head = nn.ReLU(), nn.Conv2d(3, 1, 1), nn.Linear(3, 2)
        self.once = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.side(images)
        return self.head(self.once(self.relu(self.relu(images))).mean(dim=(2, 3)))


def test_a_layer_used_twice_and_a_layer_beside_the_way_are_refused(images):
    network = Reused()
    with pytest.raises(LayerError, match=r"'relu' runs more than once .* one of its 2 runs, such as relu#2"):
        tap(network, network, images, ["relu"])
    with pytest.raises(LayerError, match="do not depend on layer 'side'"):
        tap(network, network, images, ["side"])
    with pytest.raises(LayerError, match="do not depend on layer 'side'"):
        tap(network, network, images, ["once", "side"])
    assert set(state(network)[3]) == {0}


@pytest.mark.parametrize("layers", [["relu#1"], ["relu#2"], ["relu#2", "relu#1"], ["once", "relu#1", "relu#2"]])
def test_a_run_of_a_layer_is_tapped_by_its_number(images, layers):
    class Twice(nn.Module):
        """An in-place ReLU that runs twice."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.relu, self.first, self.second = nn.ReLU(inplace=True), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
            self.once, self.head = nn.Identity(), nn.Linear(4, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = self.relu(self.first(images))
            return self.head(self.once(self.relu(self.second(x))).mean(dim=(2, 3)))

    network = Twice()
    tapped = tap(network, network, images, layers)
    early = network.first(images).relu().detach().requires_grad_()
    late = network.second(early).relu()
    logits = network.head(late.mean(dim=(2, 3)))
    torch.testing.assert_close(tapped.logits, logits.detach())
    expected = {"relu#1": early, "relu#2": late, "once": late}
    for name in layers:
        torch.testing.assert_close(tapped.activations[name], expected[name].detach())
        for k in range(2):
            (gradient,) = torch.autograd.grad(logits[:, k].sum(), expected[name], retain_graph=True)
            torch.testing.assert_close(tapped.gradients[name][:, k], gradient)


def test_a_run_that_there_is_not(images):
    network = Reused()
    with pytest.raises(LayerError, match=r"layer 'relu#3' does not run in the forward pass; its module runs 2 times"):
        tap(network, network, images, ["relu#3"])
    for name in ("relu#0", "relu#x", "#1", "rellu#1"):
        with pytest.raises(LayerError, match=f"unknown layer '{name}'"):
            check_layers(network, [name])


def test_a_module_of_two_names_is_tapped_by_either(gap_net, images):
    gap_net.other = gap_net.relu
    other = tap(gap_net, gap_net, images, ["other"])
    assert torch.equal(other.activations["other"], tap(gap_net, gap_net, images, ["relu"]).activations["relu"])


def test_channels_last_and_tokens_become_maps(images):
    class Last(nn.Module):
        """Norms of (B, h, w, C) and of (B, 1 + h w, C)."""

        def __init__(self) -> None:
            super().__init__()
            self.cells, self.tokens, self.head = nn.LayerNorm(3, 0), nn.LayerNorm(3, 1e-9), nn.Linear(3, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = self.cells(images.permute(0, 2, 3, 1))
            tokens = torch.cat([x.new_zeros(len(x), 1, 3), x.flatten(1, 2)], dim=1)
            return self.head(self.tokens(tokens).square().mean(dim=1))

    network = Last()
    tapped = tap(network, network, images, ["cells", "tokens"])
    assert {name: str(form) for name, form in tapped.forms.items()} == {"cells": "channels_last", "tokens": "tokens:1"}
    normed = network.cells(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).detach()
    torch.testing.assert_close(tapped.activations["cells"], normed)
    torch.testing.assert_close(tapped.activations["tokens"], normed, rtol=1e-4, atol=1e-5)  # normed twice
    weight = network.head.weight.detach()  # (K, C)
    expected = 2 / 49 * weight[None, :, :, None, None] * normed[:, None]
    torch.testing.assert_close(tapped.gradients["tokens"], expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(LayerError, match=r"layer 'tokens' gives \(4, 49, 3\), a map needs"):
        tap(network, network, images, ["tokens"], reshape="none")
