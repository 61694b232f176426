import hashlib
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from weights import WeightsError, load_classifier
from weights.files import read_tensors, sha256_of


def same(tensors, network, prefix=""):
    wanted = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    return list(tensors) == list(wanted) and all(torch.equal(tensors[name], wanted[name]) for name in wanted)


@pytest.fixture
def layers(network):
    """Those of the small network that a whole-module pickle may name."""
    return nn.Sequential(*[layer for layer in network if not isinstance(layer, nn.Flatten)])


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "key", [None, "state_dict", "model", "model_state_dict", "net", "weights", "ema", "state_dict_ema"]
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_state_dicts_and_containers(network, save, legacy, key, prefix):
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    content = state if key is None else {"epoch": 3, "optimizer": optimizer, key: state}
    read = read_tensors(save(content, legacy=legacy))
    assert same(read.tensors, network, prefix)
    assert read.metadata == {}
    assert [note for note in read.notes if "no checksums" in note] == list(read.notes)
    assert len(read.notes) == legacy


def test_several_networks_in_one_file_are_noted(network, save):
    others = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    read = read_tensors(save({"state_dict_ema": others, "state_dict": network.state_dict()}))
    assert same(read.tensors, network)
    assert read.notes == ("the file holds state_dict, state_dict_ema; used: state_dict",)


def test_containers_in_containers(network, save):
    assert same(read_tensors(save({"checkpoint": 1, "model": {"state_dict": network.state_dict()}})).tensors, network)


def test_an_unknown_container_is_named(network, save):
    with pytest.raises(WeightsError, match=r"generator, epoch \(a table with tensors in it: save that alone, int\)"):
        read_tensors(save({"generator": network.state_dict(), "epoch": 3}))


@pytest.mark.parametrize(
    ("wrap", "prefix"), [(lambda m: m, ""), (nn.DataParallel, "module."), (lambda m: {"model": m}, "")]
)
def test_whole_modules(layers, save, wrap, prefix):
    tensors = read_tensors(save(wrap(layers))).tensors
    assert same(tensors, layers, prefix)
    assert not any(tensor.requires_grad for tensor in tensors.values())


def test_modules_that_an_older_torch_saved(layers, save):
    for module in layers.modules():
        for name in [n for n in vars(module) if n not in ("_parameters", "_buffers", "_modules", "training")]:
            del module.__dict__[name]
    layers.__dict__["_modules"]["gone"] = None
    wanted = {f"{i}.{n}": t for i in ("0", "3") for n, t in layers._modules[i]._parameters.items()}
    tensors = read_tensors(save(layers)).tensors
    assert list(tensors) == list(wanted)
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)


def test_safetensors(network, tmp_path):
    safetensors.torch.save_file(network.state_dict(), tmp_path / "m.safetensors", {"arch": "tiny"})
    read = read_tensors(tmp_path / "m.safetensors")
    tensors = read.tensors
    assert {name: tensors[name] for name in network.state_dict()}.keys() == tensors.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in network.state_dict().items())
    assert read.metadata == {"arch": "tiny"}


def test_safetensors_are_copied_out_of_the_file(tmp_path):
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(100_000)}, path)
    tensor = read_tensors(path).tensors["a"]
    with path.open("r+b") as file:
        file.seek(200_000)
        file.write(b"\x01" * 1000)
    assert (tensor == 0).all()


def test_the_content_decides_not_the_ending(network, save, tmp_path):
    assert same(read_tensors(save(network.state_dict(), "m.safetensors")).tensors, network)
    safetensors.torch.save_file(network.state_dict(), tmp_path / "m.pth")
    assert set(read_tensors(tmp_path / "m.pth").tensors) == set(network.state_dict())


def test_cuda_tensors_load_on_the_cpu(network, save, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        path = save(network.state_dict())
    assert b"cuda:0" in path.read_bytes()
    tensors = read_tensors(path).tensors
    assert {tensor.device.type for tensor in tensors.values()} == {"cpu"}
    assert same(tensors, network)


def with_hook(module, bomb):
    module._forward_hooks[0] = bomb
    return module


HOSTILE = {
    "bare": lambda module, bomb: bomb,
    "beside tensors": lambda module, bomb: {**module.state_dict(), "x": bomb},
    "hook": with_hook,
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", HOSTILE)
def test_code_in_a_pickle_is_refused_and_does_not_run(layers, bomb, save, kind, legacy):
    path = save(HOSTILE[kind](layers, bomb), legacy=legacy)
    reason = "PyTorch before 1.6" if legacy and kind == "hook" else r"would run 'io\.open'"
    with pytest.raises(WeightsError, match=f"{reason}.*refused; save it again"):
        read_tensors(path)
    assert not bomb.target.exists()


def test_the_hostile_file_would_have_run(bomb, save):
    torch.load(save(bomb), weights_only=False).close()
    assert bomb.target.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_does_not_run_either(bomb, tmp_path, protocol):
    path = tmp_path / "bare.pth"
    path.write_bytes(pickle.dumps(bomb, protocol=protocol))
    with pytest.raises(WeightsError):
        read_tensors(path)
    assert not bomb.target.exists()


def test_a_shell_command_is_named(save, tmp_path):
    class Shell:
        def __reduce__(self):
            return os.system, (f"touch '{tmp_path}/was-here'",)

    with pytest.raises(WeightsError, match=r"would run '(posix|nt)\.system'"):
        read_tensors(save(Shell()))
    assert not (tmp_path / "was-here").exists()


class Own(nn.Module):
    """Of a user's own module, which is not imported."""


def test_a_layer_of_another_module_is_named(save):
    with pytest.raises(WeightsError, match=r"would run '\S*test_files\.Own'"):
        read_tensors(save(nn.Sequential(nn.Conv2d(3, 2, 3), Own())))


def test_any_layer_of_torch_may_be_in_a_whole_module(save):
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.GELU())
    assert same(read_tensors(save(network)).tensors, network)


def test_buffers_that_a_state_dict_leaves_out_are_left_out(layers, save):
    layers[0].register_buffer("fleeting", torch.ones(1), persistent=False)
    assert same(read_tensors(save(layers)).tensors, layers)


def test_a_whole_module_in_the_old_format_says_so(layers, save):
    with pytest.raises(WeightsError, match=r"whole model in the format of PyTorch before 1\.6"):
        read_tensors(save(layers, legacy=True))


@pytest.mark.parametrize(
    "content",
    [
        {},
        [1, 2],
        {"epoch": 3},
        {1: torch.zeros(2)},
        {"a": torch.zeros(2), "b": torch.zeros(2, device="meta")},
        {"a": torch.zeros(2, device="meta")},
        {"a": torch.eye(2).to_sparse()},
    ],
    ids=str,
)
def test_no_dense_tensors_by_name(save, content):
    with pytest.raises(WeightsError, match="holds no dense tensors by name"):
        read_tensors(save(content))


def test_harmless_values_beside_tensors_are_left_out_and_named(network, save):
    beside = {"epoch": np.int64(3), "accuracy": np.float32(0.9), "history": [1, 2], "when": Path("a"), "note": None}
    read = read_tensors(save({**network.state_dict(), **beside}))
    assert same(read.tensors, network)
    assert read.notes == ("left out, as no tensors: epoch, accuracy, history and 2 more",)


@pytest.mark.parametrize("name", ["m.pth", "m.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x80\x02", b"PK\x03\x04" + bytes(99)]
)
def test_no_checkpoint_at_all(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"empty file|truncated or no"):
        read_tensors(path)


def test_a_photograph_with_another_name(shared, tmp_path):
    path = tmp_path / "cat.pth"
    path.write_bytes((shared / "data" / "lab" / "cat.jpg").read_bytes())
    with pytest.raises(WeightsError, match="truncated or no PyTorch checkpoint"):
        load_classifier(path)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99, 0.999999])
def test_the_real_file_cut_short(narrow_file, tmp_path, share):
    content = narrow_file.read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match="truncated or no PyTorch checkpoint"):
        load_classifier(path)


@pytest.mark.parametrize("kind", ["state", "module", "legacy", "safetensors"])
def test_damaged_bytes_give_tensors_or_a_weights_error(network, layers, save, tmp_path, kind):
    path = tmp_path / ("m.safetensors" if kind == "safetensors" else "model.pth")
    if kind == "safetensors":
        safetensors.torch.save_file(network.state_dict(), path)
    else:
        save(layers if kind == "module" else network.state_dict(), legacy=kind == "legacy")
    whole = path.read_bytes()
    dice = random.Random(0)
    refused = 0
    for turn in range(400):
        content = bytearray(whole)
        if turn % 10 == 0:
            del content[dice.randrange(len(content)) :]
        for _ in range(dice.choice([1, 2, 8]) if content else 0):
            content[dice.randrange(min(len(content), 3000))] = dice.randrange(256)
        path.write_bytes(content)
        try:
            read_tensors(path)
        except WeightsError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


def test_sha256(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abc" * 100_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(WeightsError, match=r"'no\\nsuch\.pth' not found; give the path"):
        sha256_of(type(tmp_path)("no\nsuch.pth"))
    with pytest.raises(WeightsError, match="is a folder, a pipe or a device"):
        sha256_of(tmp_path)
    with pytest.raises(WeightsError, match="cannot be read: File name too long"):
        sha256_of(tmp_path / ("x" * 300))
    with pytest.raises(WeightsError, match="is no path: embedded null byte"):
        sha256_of(tmp_path / "a\0b.pth")
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(WeightsError, match="is a folder, a pipe or a device"):
        sha256_of(tmp_path / "pipe.pth")
