import json
import zipfile

import pytest
import torch
from torch import nn

from weights import WeightsError, load_classifier
from weights.files import read_tensors
from weights.programs import WEIGHTS

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore:.*isinstance.treespec")


class Nested(nn.Module):
    """Modules in modules, statistics, and one layer under two names."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU()))
        self.head = nn.Linear(4, 2)
        self.same = self.head

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


@pytest.fixture
def nested():
    torch.manual_seed(0)
    network = Nested()
    network(torch.rand(4, 3, 8, 8))  # statistics that are not those of a new layer
    return network.eval()


def script(network, path):
    torch.jit.save(torch.jit.script(network), path)


def trace(network, path):
    torch.jit.save(torch.jit.trace(network, torch.rand(1, 3, 8, 8)), path)


def export(network, path):
    torch.export.save(torch.export.export(network, (torch.rand(1, 3, 8, 8),)), path)


@pytest.mark.parametrize(("save", "kind"), [(script, "TorchScript"), (trace, "TorchScript"), (export, "torch.export")])
def test_the_weights_of_a_program_are_its_networks(nested, tmp_path, save, kind):
    path = tmp_path / "m.pt2"
    save(nested, path)
    content = read_tensors(path)
    wanted = nested.state_dict()
    assert set(content.tensors) == set(wanted)
    assert all(torch.equal(content.tensors[name], tensor) for name, tensor in wanted.items())
    assert content.notes == (f"the file is a {kind} program: its weights are used, its code is not run",)


@pytest.mark.parametrize("save", [script, export])
def test_a_program_becomes_a_classifier(network, architectures, tmp_path, save):
    save(network, tmp_path / "m.pt2")
    classifier = load_classifier(tmp_path / "m.pt2", architectures=architectures)
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(classifier(images), network(classifier.normalise(images)))
    assert classifier.checkpoint.arch == "tiny"
    assert any("its code is not run" in note for note in classifier.checkpoint.notes)


def test_a_frozen_program_has_no_names(network, tmp_path):
    torch.jit.save(torch.jit.freeze(torch.jit.script(network)), tmp_path / "m.pt")
    with pytest.raises(WeightsError, match=r"frozen TorchScript program, .*save\(model\.state_dict\(\), FILE\)"):
        read_tensors(tmp_path / "m.pt")


def changed(path, record, content):
    """The archive with another content of one record, or without it."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in records if name.endswith(record))
    records |= {name: content}
    with zipfile.ZipFile(path, "w") as archive:
        for name, kept in records.items():
            if kept is not None:
                archive.writestr(name, kept)


def test_the_export_of_an_earlier_torch_says_how_to_convert(network, tmp_path):
    export(network, tmp_path / "m.pt2")
    changed(tmp_path / "m.pt2", WEIGHTS, None)
    with pytest.raises(WeightsError, match=r"earlier torch; .*torch\.export\.load\(FILE\)\.state_dict, FILE"):
        read_tensors(tmp_path / "m.pt2")


ENTRY = {
    "path_name": "weight_0",
    "use_pickle": False,
    "tensor_meta": {
        "dtype": 7,
        "sizes": [{"as_int": 2}],
        "strides": [{"as_int": 1}],
        "storage_offset": {"as_int": 0},
    },
}
META = ENTRY["tensor_meta"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "index is damaged; copy it again, or load it"),
        ("{}", "index is damaged"),
        (json.dumps({"config": {"a": {}}}), "index is damaged"),
        (json.dumps({"config": {"a": ENTRY | {"path_name": "nowhere"}}}), "index is damaged"),
        (json.dumps({"config": {"a": ENTRY | {"use_pickle": True}}}), "unusual tensor 'a'; load it"),
        (json.dumps({"config": {"a": ENTRY | {"tensor_meta": META | {"dtype": 99}}}}), "unusual tensor 'a'"),
        (json.dumps({"config": {"a": ENTRY | {"tensor_meta": META | {"sizes": [{"as_int": 10**9}]}}}}), "claims a ten"),
        (json.dumps({"config": {"a": ENTRY | {"tensor_meta": META | {"sizes": [{"as_int": -1}]}}}}), "cannot be"),
        (" " * (16 * 2**20 + 1), "an index of 16777217 bytes"),
    ],
)  # fmt: skip
def test_an_index_that_lies_is_refused(network, tmp_path, content, message):
    export(network, tmp_path / "m.pt2")
    changed(tmp_path / "m.pt2", WEIGHTS, content)
    with pytest.raises(WeightsError, match=message):
        read_tensors(tmp_path / "m.pt2")


def test_modules_in_modules_without_end_are_refused(tmp_path):
    """A module that holds itself: written by hand, no torch makes it."""
    pickled = b"\x80\x02c__torch__\nNet\n)\x81q\x00}X\x01\x00\x00\x00ah\x00sb."
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", pickled)
        archive.writestr("m/constants.pkl", b"\x80\x02).")
    with pytest.raises(WeightsError, match="modules in modules without end"):
        read_tensors(tmp_path / "m.pt")
