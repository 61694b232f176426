import pytest
import torch
from torch import nn

from weights import Architecture, WeightsError, fresh_classifier
from weights.training import Trainer
from weights.transfer import LastLayer, features, last_layer, parts, with_new_head


def normed(classes):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


ARCHITECTURES = {"normed": Architecture(normed, "2", "with statistics")}


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return fresh_classifier("normed", architectures=ARCHITECTURES)


def batches(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shown = torch.eye(2).bool()[torch.arange(8) % 2]
    return [(torch.rand(8, 3, 16, 16, generator=generator), shown) for _ in range(3)]


def state(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def changed(before, network):
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


def trained(classifier, **settings):
    trainer = Trainer(classifier, epochs=1, steps=3, rate=0.05, seed=0, **settings)
    before = state(trainer.network)
    trainer.run_epoch(batches(), batches(1)[:1], lambda _: None)
    return changed(before, trainer.network)


def test_everything_is_trained_unless_something_is_frozen(classifier):
    assert trained(classifier) == set(classifier.network.state_dict())


def test_frozen_layers_keep_weights_and_statistics(classifier):
    assert trained(classifier, freeze=("0", "1")) == {"5.weight", "5.bias"}


def test_a_frozen_convolution_leaves_the_statistics_behind_it_alone_to_move(classifier):
    moved = trained(classifier, freeze=("0",))
    assert {"1.running_mean", "1.running_var", "1.weight", "5.weight"} <= moved
    assert not {"0.weight", "0.bias"} & moved


def test_the_rest_learns_at_its_own_rate(classifier):
    trainer = Trainer(classifier, epochs=1, steps=1, rate=0.1, seed=0, slow=("5", 0.001))
    last, rest = trainer.optimizer.param_groups
    assert (last["initial_lr"], rest["initial_lr"]) == (0.1, 0.001)
    assert {id(each) for each in last["params"]} == {id(each) for each in classifier.network[5].parameters()}
    assert len(rest["params"]) == 4
    before = state(classifier.network)
    trainer.run_epoch(batches()[:1], batches(1)[:1], lambda _: None)
    after = classifier.network.state_dict()
    step = {name: float((after[name] - before[name]).abs().max()) for name in ("0.weight", "5.weight")}
    assert step["5.weight"] == pytest.approx(0.1, rel=0.01)  # Adam's first step is as long as the rate
    assert step["0.weight"] == pytest.approx(0.001, rel=0.01)


def test_freezing_what_is_not_there_or_everything_is_refused(classifier):
    with pytest.raises(WeightsError, match=r"unknown layer 'features'.*; to freeze: trunk, 0, 1, 2, 3, 4, 5"):
        parts(classifier.network, ["features"])
    with pytest.raises(WeightsError, match="freeze leaves nothing to train; name fewer layers"):
        trained(classifier, freeze=("0", "1", "5"))


def test_a_new_head_keeps_all_else(classifier):
    before = state(classifier.network)
    other, new = with_new_head(classifier, ("cat", "dog", "bird"), ARCHITECTURES)
    assert new == ["5.weight", "5.bias"]
    assert other.classes == ("cat", "dog", "bird")
    assert other.network[5].weight.shape == (3, 4)
    assert changed(before | state(other.network), other.network) == set()
    assert all(torch.equal(other.network.state_dict()[name], before[name]) for name in before if name not in new)
    assert other.checkpoint.preprocess == classifier.checkpoint.preprocess


def test_the_last_layer_is_trained_on_what_goes_into_it(classifier):
    name = last_layer(classifier)
    assert name == "5"
    images = torch.rand(4, 3, 16, 16)
    found = features(classifier, name, images)
    assert found.shape == (4, 4)
    last = LastLayer(classifier, name)
    torch.testing.assert_close(last(found), classifier(images))
    shown = torch.eye(2).bool()[torch.arange(4) % 2]
    trainer = Trainer(last, epochs=1, steps=1, rate=0.1, seed=0, smoothing=0.2)
    before = state(classifier.network)
    with torch.no_grad():
        expected = nn.functional.cross_entropy(last(found), shown.float() * 0.8 + 0.1)  # smoothed by hand
    epoch = trainer.run_epoch([(found, shown)], [(found, shown)], lambda _: None)
    assert epoch.loss == pytest.approx(float(expected), rel=1e-5)
    trainer.finish()
    assert changed(before, classifier.network) == {"5.weight", "5.bias"}


def test_a_network_whose_last_layer_gives_no_logits_says_so():
    class Backwards(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.last = nn.Linear(3, classes)
            self.unused = nn.Linear(3, 5)

        def forward(self, x):
            return self.last(x.mean((2, 3)))

    classifier = fresh_classifier("own", architectures={"own": Architecture(Backwards, "last", "")})
    with pytest.raises(WeightsError, match=r"the trunk of own is not known: .*'unused'.*--freeze features"):
        last_layer(classifier)
