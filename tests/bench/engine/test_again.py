import torch
from torch import nn

from bench.engine.again import changed
from cam import Network


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3))


def test_a_change_leaves_the_callers_network_as_it_was():
    model = network()
    whole = Network(model, model, "auto")
    other = changed(whole, lambda copied: nn.init.zeros_(copied[0].weight))
    assert torch.equal(model[0].weight, network()[0].weight)
    assert not other.network[0].weight.any()
