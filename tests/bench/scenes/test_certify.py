from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from bench.cli import main
from bench.scenes.certify import FIRST_ORDER, Certificate, certify, first_order, first_order_share
from datasets.synthetic import render, sample_scene
from weights import SHIPPED, load_classifier

WHOLE, PARTS = np.array([2.0, 4.0]), ("head", "body", "background")


def certificate(**changes: list[float]) -> Certificate:
    """Two scenes; without the head nothing is left, without anything else nothing changes, unless said otherwise."""
    values = {(): WHOLE}
    for size in (1, 2, 3):
        for gone in combinations(PARTS, size):
            values[gone] = np.zeros(2) if "head" in gone else WHOLE
    named = {tuple(name.split("_")): np.array(value) for name, value in changes.items()}
    return Certificate(values | named)


def test_changes_are_relative_to_the_margin():
    made = certificate(head=[1.0, -4.0], body=[1.98, 4.0])
    assert made.change("head").tolist() == [0.5, 2.0]
    assert made.change("body") == pytest.approx([0.01, 0.0])
    assert made.accuracy == 1


def test_effects_are_shapley_values_of_three_parts_and_sum_to_what_they_add_together():
    """With v the probability of what is there: v(head) = 0.5 + a, v(head, body) = 0.5 + a + b, and so on by hand."""
    logit = lambda p: float(np.log(p / (1 - p)))  # noqa: E731
    there = {"": 0.5, "head": 0.8, "body": 0.6, "background": 0.5, "head body": 0.9, "head background": 0.8,
             "body background": 0.6, "head body background": 0.9}  # fmt: skip
    values = {tuple(p for p in PARTS if p not in names.split()): np.array([logit(v)]) for names, v in there.items()}
    made = Certificate(values)
    assert made.effect("head") == pytest.approx([0.3])
    assert made.effect("body") == pytest.approx([0.1])
    assert made.effect("background") == pytest.approx([0.0])
    assert sum(made.effect(part) for part in PARTS) == pytest.approx([0.4])


@pytest.mark.parametrize(
    ("changes", "passed", "scenes"),
    [
        ({}, True, [True, True]),
        ({"head": [1.5, 3.9]}, False, [False, False]),  # the head hardly matters
        ({"body": [0.0, 0.0]}, False, [False, False]),  # the body matters
        ({"background": [1.5, 4.0]}, True, [False, True]),
        ({"head_background": [3.0, 3.0], "head_body": [0.0, 0.0]}, False, [True, True]),  # the body, without the head
    ],
)
def test_limits(changes, passed, scenes):
    made = certificate(**changes)
    assert made.passed is passed
    assert made.certified.tolist() == scenes
    assert made.lines()[-1] == f"certified: {'yes' if passed else 'no'}"


def test_wrong_answers_cost_the_certificate():
    wrong = np.array([-1.0, 2.0])
    made = Certificate({gone: wrong if "head" not in gone else np.zeros(2) for gone in certificate().margins})
    assert made.accuracy == 0.5
    assert not made.passed
    assert not made.certified[0]


def test_credit_near_the_head_by_hand():
    """Cells 5 x 5; the head touches the one in the corner, so that four are near; credit is |sum over channels|."""
    activations, gradients = torch.zeros(1, 2, 5, 5), torch.ones(1, 2, 5, 5)
    activations[0, :, 1, 1] = torch.tensor([4.0, -1.0])  # 3, near
    activations[0, 0, 2, 2] = 1  # 1, far
    activations[0, :, 4, 4] = torch.tensor([5.0, -5.0])  # nothing
    heads = torch.zeros(1, 10, 10, dtype=torch.bool)
    heads[0, 1, 1] = True
    assert first_order_share(activations, gradients, heads).tolist() == [0.75]
    assert first_order_share(activations, -gradients, heads).tolist() == [0.75]


class Oracle(nn.Module):
    """Knows the pictures with a head by heart: its margin is 3 there, 0 elsewhere."""

    classes = ("dog", "cat")

    def __init__(self, count: int) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1)
        self.known = {}
        for index in range(count):
            scene = sample_scene("one", index)
            target = self.classes.index(scene.animals[0].class_name)
            bodyless = scene.remove("body").remove("tail")
            for variant in (scene, bodyless, scene.without_background(), bodyless.without_background()):
                self.known[render(variant).picture.tobytes()] = target

    def forward(self, images):
        pictures = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        rows = [nn.functional.one_hot(torch.tensor(self.known[p.tobytes()]), 2) * 3.0 if p.tobytes() in self.known
                else torch.zeros(2) for p in pictures]  # fmt: skip
        return torch.stack(rows)


def test_a_network_that_sees_the_head_alone_is_certified():
    made = certify(Oracle(5), 5)
    assert made.margin.tolist() == [3.0] * 5
    assert made.change("head").tolist() == [1.0] * 5
    assert made.change("body").tolist() == made.change("background").tolist() == [0.0] * 5
    assert made.effect("body") == pytest.approx([0.0] * 5)
    assert made.effect("head") == pytest.approx([1 / (1 + np.exp(-3)) - 0.5] * 5)
    assert made.passed


def test_a_network_that_sees_colours_is_not():
    classifier = load_classifier("catdog-photos-alexnet")

    class Warmth(nn.Module):
        classes, network = ("cat", "dog"), classifier.network

        def forward(self, images):
            warmth = (images[:, 0] - images[:, 2]).mean(dim=(1, 2))
            return torch.stack([warmth, -warmth], dim=1)

    assert not certify(Warmth(), 12).passed


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("catdog-scenes")])
def test_shipped_networks_of_drawn_scenes_keep_their_certificate(name):
    """On scenes that nobody chose them by; the gradients of those with a pinned margin say little of what they use."""
    classifier = load_classifier(name)
    assert certify(classifier, 16, seed=2).passed
    share = np.median(first_order(classifier, 16, seed=2))
    assert share < 0.5 if "mlp" in name else share >= FIRST_ORDER


def test_a_network_that_was_taught_a_shortcut_is_caught_by_its_background(tmp_path, capsys, monkeypatch):
    weights = tmp_path / "shortcut.safetensors"
    training = ["--dataset", "synthetic", "--split", "correlated", "--limit", "120", "--epochs", "2"]
    small = ["--resize", "112", "--crop", "112", "--batch-size", "8", "--workers", "0"]
    assert main(["train", *training, *small, "--out", str(weights)]) == 0
    found = []
    monkeypatch.setattr("bench.scenes.certify.certify", lambda *given: found.append(certify(*given)) or found[0])
    assert main(["certify", "--weights", str(weights), "--scenes", "40"]) == 1
    assert "certified: no" in capsys.readouterr().out
    made = found[0]
    assert len(made.margin) == 40
    medians = {part: np.median(made.change(part)) for part in PARTS}
    assert medians["background"] > 0.3  # where a certificate allows 0.05
    assert medians["background"] > 2 * max(medians["head"], medians["body"])
    assert made.accuracy < 0.75  # on scenes whose background says nothing


def test_the_command_prints_the_certificate_and_its_exit_code_is_the_verdict(capsys):
    assert main(["certify", "--weights", "catdog-photos-alexnet", "--scenes", "4"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("accuracy on 4 scenes")
    assert "certified: no" in out  # it was trained on photographs
    assert err == "cambench: weights 'catdog-photos-alexnet' are not certified, see above\n"


def test_bad_input(capsys):
    assert main(["certify", "--weights", "none.pth"]) == 2
    assert "weights 'none.pth' not found" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["certify", "--weights", "catdog-photos-alexnet", "--scenes", "0"])
    assert "argument --scenes: is '0', expected a whole number of at least 1" in capsys.readouterr().err
