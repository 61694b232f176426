import torch
from torch import nn

from bench.engine.again import changed, shuffle_parameters
from cam import Network


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3))


def test_a_shuffle_keeps_the_numbers_and_is_the_same_every_time():
    before, own, again = network(), network(), network()
    shuffle_parameters(own)
    shuffle_parameters(again)
    for name, parameter in before.named_parameters():
        found = own.get_parameter(name)
        torch.testing.assert_close(found.flatten().sort().values, parameter.flatten().sort().values)
        assert torch.equal(found, again.get_parameter(name))
    assert not torch.equal(own[0].weight, before[0].weight)


def test_a_change_leaves_the_callers_network_as_it_was():
    model = network()
    whole = Network(model, model, "auto")
    other = changed(whole, shuffle_parameters)
    assert torch.equal(model[0].weight, network()[0].weight)
    assert not torch.equal(other.network[0].weight, model[0].weight)
