"""From networks that users bring to the first screen: what cannot be scored is one line, doubts are shouted."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from bench.cli import main
from bench.config import load_config
from bench.errors import ConfigError
from bench.run.plan import make_plan
from datasets import DatasetError
from reports import Run
from weights.catalogue import shipped_path

NETWORKS = """
from torch import nn
from weights import Architecture

class Network(nn.Module):
    def __init__(self, classes, last=None, channels=3, side=None):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(channels, 4, 3, 2, 1), nn.ReLU())
        self.pool = nn.Flatten() if side else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4 * (side // 2) ** 2 if side else 4, classes)
        self.last = last or nn.Identity()

    def forward(self, images):
        return self.last(self.head(self.pool(self.features(images))))

class Tuple(Network):
    def forward(self, images):
        return super().forward(images), images

class Twice(Network):
    def forward(self, images):
        return super().forward(images), 2 * super().forward(images)

def raising(classes):
    raise RuntimeError("no\\nsuch thing")

class Both(Network):
    def forward(self, images):
        outputs = super().forward(images)
        return -outputs, outputs

plain = Architecture(Network, "features.1", "")
both = Architecture(lambda classes: Both(classes, channels=1), "features.1", "")
softmax = Architecture(lambda classes: Network(classes, nn.Softmax(1)), "features.1", "")
logsoftmax = Architecture(lambda classes: Network(classes, nn.LogSoftmax(1)), "features.1", "")
sigmoid = Architecture(lambda classes: Network(1, nn.Sigmoid()), "features.1", "")
one = Architecture(lambda classes: Network(1), "features.1", "")
grey = Architecture(lambda classes: Network(classes, channels=1), "features.1", "")
fixed = Architecture(lambda classes: Network(classes, side=64), "features.1", "")
packed = Architecture(Tuple, "features.1", "")
twice = Architecture(Twice, "features.1", "")
broken = Architecture(raising, "features.1", "")
nothing = Architecture(lambda classes: "a network", "features.1", "")
function = Network
module = Network(2)
"""


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Saves the weights as net.pth beside a user's module of networks, brought.py."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "brought", raising=False)
    Path("brought.py").write_text(NETWORKS, encoding="utf-8")
    return lambda weights: torch.save(weights, "net.pth")


def tensors(classes: int = 2, channels: int = 3, width: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    convolution = {"features.0.weight": torch.randn(4, channels, 3, 3), "features.0.bias": torch.randn(4)}
    return {**convolution, "head.weight": torch.randn(classes, width), "head.bias": torch.randn(classes)}


@pytest.mark.parametrize(
    ("arch", "weights", "message"),
    [
        ("softmax", {}, r"ends in softmax (its outputs are probabilities that sum to 1), which changes gradients and"),
        ("logsoftmax", {}, "ends in log-softmax"),
        ("sigmoid", {"classes": 1}, "ends in sigmoid"),
        ("grey", {"channels": 1}, "layer 'features.0' takes 1 channel, images are RGB: give one mean and one std"),
        ("fixed", {"width": 4 * 32 * 32}, "in layer 'head': RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("fixed", {"width": 4 * 32 * 32}, "; it takes crop 64: give --resize 224 --crop 64"),
        (
            "twice",
            {},
            "returns a tuple (0: (7, 2), 1: (7, 2)), expected logits (B, 2); let forward() return the logits",
        ),
        ("broken", {}, "architecture 'brought:broken' "),
        ("nothing", {}, "architecture 'brought:nothing' "),
        ("plain", {"classes": 3}, "weights 'net.pth' have 3 outputs, and nothing says what they are; name them with"),
    ],
)
def test_networks_that_cannot_be_scored_are_one_line(bring, capsys, arch, weights, message):
    bring(tensors(**weights))
    given = ["--dataset", "synthetic", "--limit", "2", "--weights", "net.pth", "--arch", f"brought:{arch}"]
    assert main(["run", *given, "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert message in said
    assert not Path("out").exists()


def planned(arch, **options):
    given = {"dataset": "synthetic", "limit": 2, "weights": "net.pth", "arch": arch, "out": "out", **options}
    return make_plan(load_config(None, given))


def test_a_crop_that_fits_is_taken(bring):
    bring(tensors(width=4 * 32 * 32))
    assert planned("brought:fixed", resize=64, crop=64).job.size == (64, 64)


def test_groups_two_sides_grey_and_a_named_part_from_the_command_line(bring):
    bring(tensors(5, channels=1))
    given = ["--dataset", "synthetic", "--limit", "2", "--weights", "net.pth", "--arch", "brought:both"]
    head = ["--groups", "other=4,cat=0-1,dog=2+3", "--output", "1", "--mean", "0.5", "--std", "0.25"]
    size = ["--resize", "64", "--crop", "48x64", "--interpolation", "bicubic", "--workers", "0"]
    few = ["--protocols", "none", "--controls", "none", "--metrics", "empty,energy_in_mask"]
    assert main(["run", *given, *head, *size, *few, "--out", "out"]) == 0
    run = Run(Path("out"))
    assert tuple(run.classes) == ("other", "cat", "dog")
    assert run.manifest["image_size"] == [48, 64]
    checkpoint = run.manifest["checkpoint"]
    assert checkpoint["groups"] == {"other": [4], "cat": [0, 1], "dog": [2, 3]}
    assert checkpoint["output"] == "1"
    assert checkpoint["notes"] == ["grey of RGB is 0.299 R + 0.587 G + 0.114 B"]
    assert checkpoint["preprocess"] == {
        "resize": 64, "crop": "48x64", "mean": [0.5], "std": [0.25], "interpolation": "bicubic",
    }  # fmt: skip
    assert {"cat", "dog"} <= set(run.all_scores["target"])


def test_a_class_of_the_images_that_the_network_lacks_is_named(bring):
    bring(tensors(3))
    with pytest.raises((ConfigError, DatasetError), match=r"dog.*(--classes|--groups|classes)") as caught:
        planned("brought:plain", classes="cat,hound,bird")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arch", "classes", "note"), [("packed", 2, "taken out of the tuple"), ("one", 1, "read as (-z/2, z/2)")]
)
def test_networks_that_need_a_little_reading_are_taken_and_noted(bring, arch, classes, note):
    bring(tensors(classes))
    plan = planned(f"brought:{arch}")
    assert note in plan.classifier.checkpoint.notes[-1]
    assert plan.job.layers == {"features.1": {"channels": 4, "height": 112, "width": 112}}


@pytest.mark.parametrize("arch", ["function", "module"])
def test_a_function_that_returns_a_network_and_a_network_itself_need_no_wrapper(bring, arch):
    bring(tensors())
    plan = planned(f"brought:{arch}")
    assert plan.job.layers == {"features": {"channels": 4, "height": 112, "width": 112}}
    assert "layer features (4 x 112 x 112) found by a trial pass" in plan.classifier.checkpoint.notes[-1]


def test_a_contradicting_order_is_shouted_and_any_folder_name_is_taken(tmp_path, capsys):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")  # Latin-1
    Path(folder).mkdir()
    weights = Path(folder, os.fsdecode(b"d\xf6g.safetensors"))
    shutil.copy(shipped_path("catdog-scenes-mlp"), weights)
    given = ["--dataset", "synthetic", "--split", "one", "--limit", "8", "--protocols", "none", "--workers", "0"]
    given += ["--controls", "none", "--methods", "gradcam", "--metrics", "effective_area,empty"]
    code = main(["run", *given, "--weights", str(weights), "--classes", "dog,cat", "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert code == 0, said.err
    lines = said.out.splitlines()
    first, second = [line for line in lines if line.startswith("WARNING")]
    assert lines.index(second) - lines.index(first) in (1, 2)  # the first may take two lines
    assert lines.index(first) == lines.index("") + 1
    assert "class order dog, cat (the arguments) contradicts cat, dog (the file itself)" in first
    assert "the network calls 0 of 8 one-class images right (0%)" in second
    assert "--classes cat,dog" in " ".join(lines)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.index('role="alert">WARNING: class order') < page.index("<h1>")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("folder.pth", "is a folder, a pipe or a device"),
        ("pipe.pth", "is a folder, a pipe or a device"),
        ("/dev/zero", "is a folder, a pipe or a device"),
        ("loop.pth", "weights 'loop.pth'"),
        ("broken.pth", "weights 'broken.pth' not found"),
        ("a\0b.pth", "b.pth"),
        ("nothing", "unknown weights 'nothing'"),
        ("index.json", "no PyTorch checkpoint"),
    ],
)
def test_what_is_no_file_is_one_line(tmp_path, monkeypatch, capsys, weights, message):
    monkeypatch.chdir(tmp_path)
    Path("folder.pth").mkdir()
    os.mkfifo("pipe.pth")
    Path("loop.pth").symlink_to("loop.pth")
    Path("broken.pth").symlink_to("gone.pth")
    Path("index.json").write_text("{}")
    assert main(["run", "--dataset", "synthetic", "--weights", weights, "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
