import itertools

import pytest
import torch

from weights import WeightsError, fresh_classifier
from weights.training import Trainer, accuracy, augment


def batches(count: int = 4, seed: int = 0):
    """Cats are dark, dogs are bright."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        labels = torch.arange(8) % 2
        noise = torch.rand(8, 3, 16, 16, generator=generator)
        shown = torch.nn.functional.one_hot(labels, 2).bool()
        made.append((0.3 * noise + 0.6 * labels.view(-1, 1, 1, 1), shown))
    return made


@pytest.fixture
def trainer(architectures):
    def make(epochs: int = 6, seed: int = 0) -> Trainer:
        torch.manual_seed(seed)
        return Trainer(
            fresh_classifier("tiny", architectures=architectures), epochs=epochs, steps=4, rate=0.05, seed=seed
        )

    return make


def test_a_network_learns_what_is_easy_and_comes_back_frozen(trainer):
    training = trainer()
    done = []
    for _ in range(6):
        training.run_epoch(batches(), batches(1, seed=9), done.append)
    assert sum(done) == 6 * 4 * 8
    assert training.history[-1].loss < 0.5 * training.history[0].loss
    classifier = training.finish()
    assert accuracy(classifier, batches(2, seed=5)) == 1
    assert not classifier.network.training
    assert not any(parameter.requires_grad for parameter in classifier.parameters())


def test_the_best_epoch_is_kept_of_equals_the_last(trainer, monkeypatch):
    accuracies = iter([0.5, 0.9, 0.9, 0.7])
    monkeypatch.setattr("weights.training.accuracy", lambda *_: next(accuracies))
    training, weights = trainer(4), []
    for _ in range(4):
        training.run_epoch(batches(), [], lambda _: None)
        weights.append({name: tensor.clone() for name, tensor in training.network.state_dict().items()})
    best = training.finish().network.state_dict()
    assert all(torch.equal(best[name], weights[2][name]) for name in best)
    assert training.best[0] == 0.9


def test_going_on_from_a_state_is_as_if_nothing_had_happened(trainer):
    straight, stopped = trainer(), trainer()
    for _ in range(2):
        straight.run_epoch(batches(), batches(1), lambda _: None)
        stopped.run_epoch(batches(), batches(1), lambda _: None)
    resumed = trainer(seed=0)
    resumed.restore(stopped.state())
    for training in (straight, resumed):
        training.run_epoch(batches(), batches(1), lambda _: None)
    assert resumed.history == straight.history
    ours, theirs = (training.network.state_dict() for training in (resumed, straight))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


@pytest.mark.parametrize("shown", [True, False])
def test_images_of_both_classes_or_neither_teach_that_both_are_as_probable(trainer, shown):
    def with_both():
        """The easy batches, and grey images that show both or neither."""
        grey = torch.full((8, 3, 16, 16), 0.45), torch.full((8, 2), shown)
        return [batch for pair in batches() for batch in (pair, grey)]

    training = trainer(12)
    for _ in range(12):
        training.run_epoch(with_both(), batches(1), lambda _: None)
    probability = training.finish()(torch.full((1, 3, 16, 16), 0.45)).softmax(dim=1)[0]
    assert probability.max() < 0.75
    dark, bright = (training.classifier(torch.full((1, 3, 16, 16), v)).softmax(dim=1)[0] for v in (0.15, 0.75))
    assert dark[0] > 0.8
    assert bright[1] > 0.8


def test_the_rate_rises_then_falls_to_zero(trainer):
    training, rates = trainer(10), []
    for _ in range(40):
        rates.append(training.optimizer.param_groups[0]["lr"])
        training.optimizer.step()
        training.schedule.step()
    assert rates[0] == pytest.approx(0.05 / 4)
    assert max(rates) == pytest.approx(0.05, rel=0.03)
    assert rates.index(max(rates)) == 3
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[3:]))
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_dropout_can_be_left_out_while_training_and_is_as_built_afterwards():
    classifier = fresh_classifier("alexnet_narrow")
    layers = [layer for layer in classifier.network.modules() if isinstance(layer, torch.nn.Dropout)]
    training = Trainer(classifier, epochs=1, steps=1, rate=1e-4, seed=0, dropout=0.0)
    assert [layer.p for layer in layers] == [0, 0]
    training.best = 1.0, classifier.network.state_dict()
    training.finish()
    assert [layer.p for layer in layers] == [0.5, 0.5]


def test_augmentation_is_seeded_keeps_the_range_and_treats_each_image_alone():
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)).expand(6, -1, -1, -1)
    one, same, other = (augment(images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1
    assert len({tuple(image.flatten().tolist()) for image in one}) == 6


def test_augmentation_mirrors_about_half_of_the_images():
    ramp = torch.linspace(0, 1, 32).expand(200, 3, 32, 32)
    moved = augment(ramp, torch.Generator().manual_seed(0))
    mirrored = moved[..., :16].mean(dim=(1, 2, 3)) > moved[..., 16:].mean(dim=(1, 2, 3))
    assert 60 < mirrored.sum() < 140


def test_accuracy_counts_images_and_restores_the_training_flag(trainer):
    training = trainer()
    training.network.train()
    value = accuracy(training.classifier, batches(3))
    assert value in {n / 24 for n in range(25)}
    assert training.network.training
    assert accuracy(training.classifier, []) != accuracy(training.classifier, [])  # NaN


def test_unknown_architecture():
    with pytest.raises(WeightsError, match=r"unknown architecture 'alexnett' \(did you mean 'alexnet'"):
        fresh_classifier("alexnett")
