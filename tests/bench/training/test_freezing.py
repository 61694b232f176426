"""`cambench train` with parts of the network frozen, other rates, and other classes than the checkpoint's."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.cli import main
from weights import ARCHITECTURES, load_classifier

SMALL = ("--dataset", "synthetic", "--split", "one", "--limit", "20", "--batch-size", "8", "--workers", "0")
START = "catdog-scenes-mlp"


def train(out, *more):
    return main(["train", *SMALL, "--epochs", "1", "--out", str(out), *more])


def moved(path, start):
    """Names of the tensors that differ from those of the start."""
    ours, theirs = load_file(path), load_classifier(start).network.state_dict()
    return {name for name, tensor in ours.items() if not torch.equal(tensor, theirs[name].half())}


def test_a_frozen_layer_stays(tmp_path):
    assert train(tmp_path / "m.safetensors", "--weights", START, "--freeze", "features") == 0
    assert moved(tmp_path / "m.safetensors", START) == {
        f"classifier.{layer}.{kind}" for layer in (1, 4) for kind in ("weight", "bias")
    }
    assert "frozen: features" in (tmp_path / "m.md").read_text()


def test_with_the_trunk_frozen_the_last_layer_alone_moves(tmp_path):
    assert train(tmp_path / "m.safetensors", "--weights", START, "--freeze", "trunk", "--rate", "0.01") == 0
    assert moved(tmp_path / "m.safetensors", START) == {"classifier.4.weight", "classifier.4.bias"}
    again = tmp_path / "again.safetensors"
    assert train(again, "--weights", START, "--freeze", "trunk", "--rate", "0.01") == 0
    ours, theirs = load_file(tmp_path / "m.safetensors"), load_file(again)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_the_trunk_learns_more_slowly(tmp_path):
    start = load_classifier(START).network.state_dict()
    assert train(tmp_path / "m.safetensors", "--weights", START, "--rate", "1e-2", "--trunk-rate", "1e-5") == 0
    ours = load_file(tmp_path / "m.safetensors")
    largest = {name: (tensor.float() - start[name]).abs().max() for name, tensor in ours.items()}
    assert largest["classifier.4.weight"] > 10 * largest["features.0.weight"]
    assert "from 0.01 (all but the last layer from 1e-05)" in (tmp_path / "m.md").read_text()


def test_a_checkpoint_of_other_classes_gets_a_new_head_and_it_is_said(tmp_path, capsys):
    torch.manual_seed(0)
    network = ARCHITECTURES["alexnet_narrow"].build(1000)
    path = tmp_path / "imagenet.safetensors"
    save_file({name: tensor.half() for name, tensor in network.state_dict().items()}, path)
    out = tmp_path / "m.safetensors"
    assert train(out, "--weights", str(path), "--arch", "alexnet_narrow", "--freeze", "features") == 0
    said = capsys.readouterr().out
    assert f"classifier.4.weight, classifier.4.bias: new, for cat, dog; all else is from '{path}'" in said
    ours = load_file(out)
    assert ours["classifier.4.weight"].shape == (2, 128)
    assert torch.equal(ours["features.0.weight"], network.features[0].weight.half())
    assert load_classifier(out).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--freeze", "feature"), r"unknown layer 'feature' (did you mean 'features'?)"),
        (("--freeze", "trunk,features"), "freeze is 'trunk', which is all but the last layer: name no others"),
        (("--freeze", "trunk", "--trunk-rate", "1e-4"), "freeze is 'trunk', which is all but the last layer"),
        (("--freeze", "features,classifier"), "freeze leaves nothing to train; name fewer layers"),
    ],
)
def test_what_cannot_be_frozen_is_refused_in_one_line(tmp_path, capsys, more, said):
    assert train(tmp_path / "m.safetensors", "--weights", START, *more) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error
    assert not list(tmp_path.iterdir())


def test_another_head_on_the_trunk_of_a_checkpoint(tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert train(out, "--weights", START, "--arch", "alexnet_gap", "--freeze", "trunk", "--smoothing", "0.2") == 0
    assert "classifier.weight, classifier.bias: new, for cat, dog; all else is from" in capsys.readouterr().out
    ours, theirs = load_file(out), load_classifier(START).network.state_dict()
    assert load_classifier(out).checkpoint.arch == "alexnet_gap"
    assert all(torch.equal(ours[name], theirs[name].half()) for name in ours if name.startswith("features"))
    assert "label smoothing 0.2" in (tmp_path / "m.md").read_text()


def test_an_architecture_without_the_trunk_is_refused(tmp_path, capsys):
    assert train(tmp_path / "m.safetensors", "--weights", START, "--arch", "efficientnet_lite0") == 2
    said = capsys.readouterr().err
    assert "alexnet_narrow and efficientnet_lite0 share no tensor by name and shape" in said
