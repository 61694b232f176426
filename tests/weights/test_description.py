import json

import pytest
import safetensors.torch
import torch

from weights import Preprocess, WeightsError, load_classifier

TOML = """
arch = "tiny"
classes = ["dog", "cat"]
dtype = "float32"
[preprocess]
resize = 12
crop = 10
mean = [0.1, 0.2, 0.3]
std = [1, 1, 1]
[training]
anything = "goes"
"""


@pytest.fixture
def saved(network, save):
    return save(network.state_dict())


def load(path, architectures, **settings):
    return load_classifier(path, architectures=architectures, **settings).checkpoint


def test_toml_beside_the_file_is_read(saved, architectures):
    saved.with_suffix(".toml").write_text(TOML)
    checkpoint = load(saved, architectures)
    assert checkpoint.arch == "tiny"
    assert checkpoint.classes == ("dog", "cat")
    assert checkpoint.preprocess == Preprocess(12, 10, (0.1, 0.2, 0.3), (1, 1, 1))
    assert checkpoint.notes == ()


def test_without_toml_every_assumption_is_noted(saved, architectures):
    checkpoint = load(saved, architectures)
    assert checkpoint.arch == "tiny"
    assert checkpoint.classes == ("cat", "dog")
    assert checkpoint.preprocess == Preprocess()
    order, architecture, preprocessing = checkpoint.notes
    assert "cat, dog" in order
    assert "tiny" in architecture
    assert "resize 224, crop 224, mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)" in preprocessing


def test_what_is_partly_said_is_partly_noted(saved, architectures):
    saved.with_suffix(".toml").write_text('arch = "tiny"\n[preprocess]\nresize = 300')
    checkpoint = load(saved, architectures, classes=["cat", "dog"], mean=[0, 0, 0], std=[1, 1, 1])
    assert checkpoint.notes == ("preprocessing assumed: crop 224",)


def test_arguments_come_before_toml(saved, architectures):
    saved.with_suffix(".toml").write_text(TOML.replace("tiny", "alexnet"))
    checkpoint = load(
        saved, architectures, arch="tiny", classes=["cat", "dog"], resize=20, crop=8, mean=[0, 0, 0], std=[2, 2, 2]
    )
    assert checkpoint.arch == "tiny"
    assert checkpoint.classes == ("cat", "dog")
    assert checkpoint.preprocess == Preprocess(20, 8, (0, 0, 0), (2, 2, 2))


def test_toml_comes_before_metadata_and_metadata_before_assumptions(network, tmp_path, architectures):
    path = tmp_path / "m.safetensors"
    metadata = {
        "arch": "tiny",
        "classes": json.dumps(["dog", "cat"]),
        "preprocess": json.dumps({"resize": 30, "crop": 20, "mean": [0, 0, 0], "std": [1, 1, 1]}),
        "format": "pt",
    }
    safetensors.torch.save_file(network.state_dict(), path, metadata)
    checkpoint = load(path, architectures)
    assert checkpoint.classes == ("dog", "cat")
    assert checkpoint.preprocess == Preprocess(30, 20, (0, 0, 0), (1, 1, 1))
    assert checkpoint.notes == ()
    path.with_suffix(".toml").write_text('classes = ["cat", "dog"]\n[preprocess]\ncrop = 25')
    checkpoint = load(path, architectures)
    assert checkpoint.classes == ("cat", "dog")
    assert checkpoint.preprocess == Preprocess(30, 25, (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('arch = "tiny"\nclasses = [cat]', "not readable TOML.*line 2"),
        ("archs = 'tiny'", r"unknown key 'archs' \(did you mean 'arch'\?\); known: arch, output, classes"),
        ("[preprocess]\nreszie = 3", r"\[preprocess\].*unknown key 'reszie' \(did you mean 'resize'\?\)"),
        ("preprocess = 3", "preprocess in .* is 3, expected a table"),
        ("[preprocess]\nresize = 100", r"preprocessing of .*crop is 224, expected at most resize \(100\)"),
        ("[preprocess]\nstd = [0.2, 0.2]", "std is .*expected three finite numbers"),
        ("arch = 3", "arch in .* is 3, expected a text"),
        ("classes = 'cat'", "classes in .* is 'cat', expected a list"),
        ("classes = ['cat', 'cat']", "are cat, cat; expected two different names or more"),
        (
            "classes = ['cat', 'dog', 'cow']",
            r"are cat, dog, cow \(3 names, the TOML beside it\), .* 2 outputs",
        ),
        ("output = ['logits']", r"output in .* is \['logits'\], expected a text"),
        ("groups = 3", r"groups in '.*\.toml' are 3, expected two named groups or more"),
        ("[groups]\ncat = 1", "groups in .* are cat, expected two named groups"),
        (
            "[groups]\ncat = 0\ndog = 7",
            "group 'dog' has output 7, .* has outputs 0 to 1; correct --groups",
        ),
        ("[preprocess]\ninterpolation = 'cubic'", "interpolation is 'cubic', expected bilinear or bicubic"),
        (
            "arch = 'tinny'",
            r"unknown architecture 'tinny' \(did you mean 'tiny'\?\); known: alexnet, .*, tiny",
        ),
        ("[preprocess]\nresize = nan", "resize is nan, expected a number of pixels from 1 to 4096"),
        ("[preprocess]\nresize = 1e18", r"resize is 1e\+18, expected a number of pixels"),
        (f"[preprocess]\nresize = {10**18}", "resize is 1000000000000000000, expected a number of pixels"),
        (f"[preprocess]\ncrop = 1{'0' * 300}", "crop is a number of 997 bits, expected a number of pixels"),
        (f"[preprocess]\ncrop = 1{'0' * 5000}", "is not readable TOML: Exceeds the limit"),
        ("[preprocess]\ncrop = 0", "crop is 0, expected"),
        ("[preprocess]\ncrop = true", "crop is True, expected"),
        ("[preprocess]\ncrop = 2024-01-01", "crop is datetime.date"),
        ("[preprocess]\nmean = [inf, 0, 0]", r"mean is \(inf, 0, 0\), expected three finite numbers"),
        ("[preprocess]\nmean = [true, 0, 0]", r"mean is \(True, 0, 0\), expected three finite numbers"),
        (
            "[preprocess]\nmean = [123.7, 116.3, 103.5]",
            r"mean is \(123.7, .*images are in \[0, 1\]; divide mean and std by 255",
        ),
        ("[preprocess]\nstd = [1e-9, 1, 1]", r"std is \(1e-09, 1, 1\), expected numbers from 0.0001 to 10000"),
        ("[preprocess]\nstd = [-1, 1, 1]", r"std is \(-1, 1, 1\), expected three numbers above 0"),
        ("[preprocess]\nstd = [nan, 1, 1]", r"std is \(nan, 1, 1\), expected three finite"),
        ("[preprocess]\nstd = {a = 1}", "std is {'a': 1}, expected three finite"),
        ("a = " + "[" * 5000, "is not readable TOML"),
        ("x = '" + "y" * 2**20 + "'", "is longer than 1048576 bytes"),
        ("\0", "not readable TOML"),
        ("sha256 = 'abc'", "has SHA-256 .*its TOML says abc.*damaged or another one"),
    ],
)
def test_toml_that_cannot_be_used(saved, architectures, toml, message):
    saved.with_suffix(".toml").write_text(toml)
    with pytest.raises(WeightsError, match=message):
        load(saved, architectures)


def test_toml_that_is_not_text(saved, architectures):
    saved.with_suffix(".toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WeightsError, match="not readable TOML"):
        load(saved, architectures)


def test_sha256_of_the_toml_is_checked_in_either_case(saved, architectures):
    sha256 = load(saved, architectures).sha256
    saved.with_suffix(".toml").write_text(f"sha256 = '{sha256.upper()}'")
    assert load(saved, architectures).sha256 == sha256
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or another one"):
        load(saved, architectures)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"classes": "cat,dog"}, "metadata 'classes' of .* is 'cat,dog', expected JSON"),
        ({"preprocess": '{"resise": 3}'}, r"unknown key 'resise' \(did you mean 'resize'\?\)"),
        ({"arch": "tinyy"}, "unknown architecture 'tinyy'"),
    ],
)
def test_metadata_that_cannot_be_used(network, tmp_path, architectures, metadata, message):
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file(network.state_dict(), path, metadata)
    with pytest.raises(WeightsError, match=message):
        load(path, architectures)


def test_class_order_does_not_move_the_logits(saved, architectures):
    images = torch.rand(1, 3, 8, 8)
    one = load_classifier(saved, architectures=architectures, classes=["cat", "dog"])
    other = load_classifier(saved, architectures=architectures, classes=["dog", "cat"])
    assert torch.equal(one(images), other(images))
