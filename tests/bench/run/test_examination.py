"""`cambench doctor --weights F`: a screenful on a network, or the one line that says what stops it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from bench.cli import main
from bench.run.examination import LINES, WIDTH, side_by_side
from weights import ARCHITECTURES

MODULE = """
from torch import nn

def small(num_classes=2):
    body = nn.Sequential(nn.Conv2d(3, 4, 3, 4, 1), nn.ReLU(inplace=True))
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = small()

    def forward(self, images):
        return {"features": images.mean((2, 3)), "logits": self.inner(images)}
"""
SMALL = ("--arch", "drawn_up:small", "--resize", "32", "--crop", "32")


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("drawn_up.py").write_text(MODULE, encoding="utf-8")


def small(outputs: int, **changed: torch.Tensor) -> str:
    """A file of the small network's random weights."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3, 4, 1), nn.ReLU())
    network = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs))
    torch.save(network.state_dict() | changed, "small.pth")
    return "small.pth"


@pytest.fixture
def said(capsys):
    """What it says, by the word at the beginning of a line."""

    def examine(*arguments: str) -> dict[str, str]:
        code = main(["doctor", *arguments])
        captured = capsys.readouterr()
        assert (code, captured.err) == (0, "")
        lines = captured.out.splitlines()
        assert len(lines) <= LINES
        assert max(map(len, lines)) <= WIDTH
        text: dict[str, str] = {}
        for line in lines:
            key, rest = line[:14].strip() or list(text)[-1], line[14:]
            text[key] = f"{text[key]} {rest}" if key in text else rest
        return text

    return examine


def test_a_file_of_two_classes_that_says_nothing(said):
    torch.manual_seed(0)
    torch.save(ARCHITECTURES["alexnet_narrow"].build(2).state_dict(), "plain.pth")
    text = said("--weights", "plain.pth")
    assert text["weights"].startswith("plain.pth, SHA-256 ")
    assert text["architecture"].startswith("alexnet_narrow, recognised by its tensors: AlexNet's features")
    assert text["parameters"] == f"{sum(p.numel() for p in ARCHITECTURES['alexnet_narrow'].build(2).parameters()):,}"
    assert text["outputs"] == "2, one for each class"
    assert text["classes"] == "2: cat, dog"
    assert "crop 224 x 224, mean 0.485, 0.456, 0.406" in text["images"]
    assert text["layer"] == "features.11: 256 x 13 x 13, the architecture's own"
    assert text["trial pass"].startswith("passed: finite logits")
    assert text["maps"] == "Grad-CAM and LayerCAM of 2 classes: all finite"
    assert "ms per image" in text["speed"]
    assert "class order assumed: cat, dog" in text["note"]
    assert "preprocessing assumed: resize 224" in text["note"]


def test_a_head_of_a_thousand_is_read_in_groups(said):
    text = said("--weights", small(1000), *SMALL)
    assert text["architecture"].startswith("drawn_up:small, named by --arch")
    assert text["outputs"].startswith("1,000, read in groups, whose logit is the logsumexp")
    assert text["classes"] == "2: cat=281-285, dog=151-268"
    assert text["layer"] == "0: 4 x 8 x 8, found by a trial pass"
    assert "domestic cats and domestic dogs by WordNet" in text["note"]


def test_groups_and_layers_of_ones_own_in_grey(said):
    weights = small(6, **{"0.0.weight": torch.randn(4, 1, 3, 3)})
    code = MODULE.replace("nn.Conv2d(3, 4", "nn.Conv2d(1, 4")
    Path("grey.py").write_text(code, encoding="utf-8")
    flags = ("--arch", "grey:small", "--resize", "32", "--crop", "16x32", "--mean", "0.5", "--std", "0.25")
    text = said("--weights", weights, *flags, "--groups", "fox=0+2,hen=3-5", "--layers", "0.0,0.1")
    assert text["outputs"].startswith("6, read in groups")
    assert text["classes"] == "2: fox=0+2, hen=3-5"
    assert text["images"] == "grey, shorter side 32 (bilinear), crop 16 x 32, mean 0.5, std 0.25"
    assert text["layer"] == "0.0: 4 x 4 x 8, named by --layers 0.1: 4 x 4 x 8, named by --layers"


def test_a_sigmoid(said):
    text = said("--weights", small(1), *SMALL, "--classes", "dog,cat")
    assert text["outputs"] == "1, a sigmoid's logit z, read as (-z/2, z/2)"
    assert text["classes"] == "2: dog, cat"
    assert "large for the second class" in text["note"]


def test_outputs_among_others_are_taken_out(said):
    torch.manual_seed(0)
    from drawn_up import Pair  # type: ignore[import-not-found]

    torch.save(Pair().state_dict(), "pair.pth")
    text = said("--weights", "pair.pth", "--arch", "drawn_up:Pair", *SMALL[2:], "--output", "logits")
    assert text["outputs"] == "2, one for each class, taken out of a dict"


def test_a_shipped_network_says_itself_what_it_is(said):
    text = said("--weights", "catdog-scenes")
    assert text["architecture"].startswith("alexnet_gap, named by the file itself")


def test_maps_of_nothing_are_a_warning(said):
    text = said("--weights", small(2, **{"3.weight": torch.zeros(2, 4)}), *SMALL)
    assert "Grad-CAM at 0 is 0 everywhere on noise; try another layer" in text["WARNING"]


def test_what_the_sources_disagree_on_is_a_warning(said):
    weights = small(2)
    Path("small.toml").write_text('classes = ["cat", "dog"]', encoding="utf-8")
    text = said("--weights", weights, *SMALL, "--classes", "dog,cat")
    assert "class order dog, cat (the arguments) contradicts cat, dog" in text["WARNING"]


def test_many_layers_and_classes_fit_the_screen(said):
    names = ",".join(f"animal{number:03}" for number in range(200))
    flags = ("--layers", "0,0.0,0.1,1", "--classes", names)
    text = said("--weights", small(200), *SMALL, *flags)
    assert text["classes"].startswith("200: animal000, animal001")
    assert text["classes"].endswith("...")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--arch", "alexnet"), "missing: --weights"),
        (("--weights", "none.pth"), "weights 'none.pth' not found"),
        (("--weights", "broken.pth"), "weights 'broken.pth'"),
        (("--weights", "small.pth", "--arch", "resnet18"), "do not fit resnet18"),
        (("--weights", "small.pth", *SMALL, "--layers", "3"), "layer '3' gives (1, 2), a map needs (B, C, h, w)"),
        (("--weights", "small.pth", *SMALL, "--output", "2"), "without a part '2'; leave out --output"),
        (("--weights", "small.pth", *SMALL, "--classes", "a,b,c"), "its network has 2 outputs"),
        (("--weights", "small.pth", *SMALL, "--device", "gpu"), "device is 'gpu', expected auto, cpu"),
    ],
)
def test_the_first_thing_that_stops_it_is_one_line(capsys, arguments, message):
    small(2)
    Path("broken.pth").write_bytes(b"no checkpoint")
    assert main(["doctor", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_two_calls_are_timed_in_turn_and_the_first_round_is_not_counted():
    calls: list[str] = []
    ticks = iter([0, 100, 100, 300, 300, 301, 301, 303, 303, 306, 306, 310, 310, 312, 312, 320])
    spent = side_by_side(lambda: calls.append("a"), lambda: calls.append("b"), 3, lambda: float(next(ticks)))
    assert calls == ["a", "b"] * 4
    assert spent == (2, 4)
