import numpy as np
import pytest
import torch
from torch import nn

from bench.cli import main
from bench.scenes.certify import Certificate, certify
from datasets.synthetic import render, sample_scene
from weights import SHIPPED, load_classifier


def certificate(**changes: list[float]) -> Certificate:
    values = {"head": [0.2, 0.2], "body": [1.98, 4.0], "background": [2.02, 4.0]} | changes
    return Certificate(np.array([2.0, 4.0]), {name: np.array(value) for name, value in values.items()})


def test_changes_are_relative_to_the_margin():
    made = certificate(head=[1.0, -4.0])
    assert made.change("head").tolist() == [0.5, 2.0]
    assert made.change("body") == pytest.approx([0.01, 0.0])
    assert made.accuracy == 1


@pytest.mark.parametrize(
    ("changes", "passed", "scenes"),
    [
        ({}, True, [True, True]),
        ({"head": [1.5, 3.9]}, False, [False, False]),  # the head hardly matters
        ({"body": [1.0, 2.0]}, False, [False, False]),  # the body matters
        ({"background": [1.5, 4.0]}, False, [False, True]),
    ],
)
def test_limits(changes, passed, scenes):
    made = certificate(**changes)
    assert made.passed is passed
    assert made.certified.tolist() == scenes
    assert made.lines()[-1] == f"certified: {'yes' if passed else 'no'}"


def test_wrong_answers_cost_the_certificate():
    made = Certificate(np.array([-1.0, 2.0]), {name: np.zeros(2) for name in ("head", "body", "background")})
    assert made.accuracy == 0.5
    assert not made.passed
    assert not made.certified[0]


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
            for variant in (scene, scene.remove("body").remove("tail"), scene.without_background()):
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
    assert certify(load_classifier(name), 50, seed=2).passed  # on scenes that nobody chose them by


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
    medians = {part: np.median(made.change(part)) for part in made.without}
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
