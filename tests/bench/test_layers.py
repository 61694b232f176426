"""`cambench layers`, and the layer that a run taps when nobody names one."""

from pathlib import Path

import pytest
import torch

from bench.cli import main

NETWORKS = """
from torch import nn

def plain(num_classes=2):
    body = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))

def closed(num_classes=2):
    network = plain(num_classes)
    nn.init.zeros_(network[3].weight)
    return network

def flat():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, 2))

def failing():
    raise RuntimeError("no such thing")
"""


@pytest.fixture
def networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("drawn_up.py").write_text(NETWORKS, encoding="utf-8")


TABLE = """\
   layer  map            form  runs  values         also
   0.0    4 x 112 x 112  map   1     of both signs
*  0.1    4 x 112 x 112  map   1     at least 0
   0      4 x 56 x 56    map   1     at least 0     0.2

* tapped unless --layers names others; - no gradient of the logits reaches it
"""


@pytest.mark.parametrize("arch", ["plain", "closed"])
def test_candidates_with_their_sizes_the_default_marked(networks, capsys, arch):
    assert main(["layers", "--arch", f"drawn_up:{arch}"]) == 0
    said = [line.rstrip() for line in capsys.readouterr().out.splitlines() if "---" not in line]
    assert [line for line in said if line] == [line for line in TABLE.splitlines() if line]


def test_of_weights_the_architecture_is_recognised_and_its_own_layer_marked(capsys):
    assert main(["layers", "--weights", "catdog-scenes"]) == 0
    marked = [line for line in capsys.readouterr().out.splitlines() if line.startswith("*")]
    assert marked[0].split()[:6] == ["*", "features.11", "256", "x", "13", "x"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "missing: --arch NAME, or --weights FILE"),
        (["--arch", "alexnett"], "unknown architecture 'alexnett' (did you mean 'alexnet'?)"),
        (["--arch", "drawn_up:flat"], "no layer whose output is a map (B, C, h, w)"),
        (["--arch", "drawn_up:failing"], "architecture 'drawn_up:failing' raised RuntimeError: no such thing"),
        (["--arch", "drawn_up:plan"], "module 'drawn_up' has no 'plan' (did you mean 'plain'?)"),
        (["--arch", "drawn_up:plain", "--reshape", "tokns"], "reshape is 'tokns', expected auto, none, channels_last"),
    ],
)
def test_what_cannot_be_listed_is_one_line(networks, capsys, monkeypatch, given, message):
    monkeypatch.setattr("weights.zoo.find_spec", lambda name: None)  # importing timm takes seconds
    assert main(["layers", *given]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_an_untrained_head_of_zeros_is_opened_for_the_table_alone(networks):
    from drawn_up import closed, plain  # type: ignore[import-not-found]

    from bench.layers import with_open_heads

    network = closed()
    with_open_heads(network)
    assert network[3].weight.all()
    torch.manual_seed(0)
    network = plain()
    before = network[3].weight.clone()
    with_open_heads(network)
    assert torch.equal(network[3].weight, before)
