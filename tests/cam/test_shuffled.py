import pytest
import torch
from torch import nn

from cam import Network
from cam.shuffled import shuffled

LAYERS = ("0", "1", "3", "6")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 9),
    )  # fmt: skip


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(images)[:, :2]


def changed_layers(before: nn.Module, after: nn.Module) -> tuple[str, ...]:
    pairs = [(name, before.get_submodule(name), after.get_submodule(name)) for name in LAYERS]
    return tuple(name for name, one, other in pairs if not torch.equal(one.weight, other.weight))


@pytest.mark.parametrize(
    ("share", "layers"), [(0, ("6",)), (0.25, ("6",)), (0.5, ("3", "6")), (0.75, ("3", "6")), (1, ("0", "3", "6"))]
)
def test_layers_are_shuffled_from_the_logits_down(share, layers):
    """The weights of the normalisation are all 1: shuffled or not, they are the same."""
    model = network()
    other, inner = shuffled(model, model, share)
    assert other is inner
    assert changed_layers(model, other) == layers
    assert changed_layers(model, network()) == ()  # the caller's own stays


def test_a_shuffle_keeps_the_numbers_is_the_same_every_time_and_at_every_depth():
    model = network()
    first, again, whole = (shuffled(model, model, share)[0] for share in (0.25, 0.25, 1))
    for name, parameter in model.named_parameters():
        assert torch.equal(first.get_parameter(name), again.get_parameter(name))
        torch.testing.assert_close(whole.get_parameter(name).flatten().sort().values, parameter.flatten().sort().values)
    assert torch.equal(first.get_parameter("6.weight"), whole.get_parameter("6.weight"))


def test_what_is_not_shuffled_takes_no_memory():
    model = network()
    other, _ = shuffled(model, model, 0)
    assert other[0].weight is model[0].weight
    assert other[1].running_mean is model[1].running_mean


def test_a_network_within_a_wrapper_is_shuffled_where_it_is_and_once():
    model = Wrapped()
    whole = Network(model, model.inner)
    found = whole.shuffled(1.0)
    assert found.network is found.model.inner
    assert found is whole.shuffled(1.0)
    images = torch.rand(2, 3, 8, 8)
    assert not torch.allclose(found.model(images), model(images))
    tapped = found.tap(images, ["3"])
    assert tapped.gradients["3"].shape == (2, 2, 4, 4, 4)


def test_copies_made_under_inference_mode_have_gradients():
    model = network()
    with torch.inference_mode():
        found = Network(model).shuffled(1.0)
    assert found.tap(torch.rand(1, 3, 8, 8), ["3"]).gradients["3"].abs().sum() > 0
