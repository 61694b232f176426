from dataclasses import fields
from pathlib import Path

import pytest

from bench.config import RunConfig, load_config
from bench.errors import ConfigError

NEEDED = {"dataset": "folder", "data_root": "photos", "weights": "w.pth", "out": "runs/x"}


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults():
    config = load_config(None, NEEDED)
    assert config.methods == ("gradcam", "layercam")
    assert config.protocols == ("rise", "srg")
    assert (config.steps, config.seed, config.batch_size, config.targets) == (32, 0, None, ("right",))


def test_flags_override_the_file_and_dashes_are_underscores(tmp_path):
    path = toml(
        tmp_path, 'dataset = "folder"\ndata-root = "a"\nweights = "w"\nout = "o"\nsteps = 16\nlayers = ["x", "y"]\n'
    )
    config = load_config(path, {"data_root": "b", "batch_size": "7"})
    assert (config.data_root, config.steps, config.layers, config.batch_size) == (Path("b"), 16, ("x", "y"), 7)
    assert load_config(path, {"batch_size": "auto"}).batch_size is None


def test_every_option_is_in_the_manifest():
    stored = load_config(None, NEEDED).as_json()
    assert set(stored) == {field.name for field in fields(RunConfig)}
    assert stored["data_root"] == "photos"
    assert stored["methods"] == ["gradcam", "layercam"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('metods = ["a"]', r"unknown key in .*run.toml: 'metods' \(did you mean 'methods'\?\)"),
        ("steps = 31", "steps is 31, expected an even number"),
        ("steps = 0", "steps is 0, expected a whole number of at least 2"),
        ("steps = true", "steps is True, expected a whole number"),
        ("steps = 2.5", "steps is 2.5, expected a whole number"),
        ('batch_size = "many"', "batch-size is 'many', expected a whole number of at least 1, or auto"),
        ("batch_size = 0", "batch-size is 0, expected a whole number of at least 1, or auto"),
        ('methods = "gradcam,,layercam"', "methods is 'gradcam,,layercam', expected names separated by commas"),
        ('methods = "gradcam,gradcam"', "expected each name once"),
        ("methods = 3", "methods is 3, expected names separated by commas"),
        ('targets = ["left"]', "unknown target 'left'"),
        ('dtype = "float8"', "dtype is 'float8', expected one of float32, bfloat16, float16"),
        ('mean = "a,b"', "mean is 'a,b', expected numbers"),
        ("resume = 1", "resume is 1, expected true or false"),
        ('classes = "cat"', "classes is 'cat', expected two names"),
        ('dataset = ""', "dataset is '', expected a text"),
        ("steps = ", "is not TOML"),
    ],
)
def test_bad_values_name_value_and_expectation(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(toml(tmp_path, text), NEEDED if "dataset" not in text else {**NEEDED, "dataset": ""})


def test_missing_options_and_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match="missing: --weights, --out"):
        load_config(None, {"dataset": "folder"})
    with pytest.raises(ConfigError, match=r"config file '.*none.toml' cannot be read: No such file"):
        load_config(tmp_path / "none.toml", NEEDED)
