import os
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


def test_groups_of_outputs_as_a_flag_and_as_a_table(tmp_path):
    needed = {key: value for key, value in NEEDED.items() if key != "weights"}
    flag = load_config(None, {**NEEDED, "groups": "cat=281-285,290,dog=151-268"})
    assert flag.groups == {"cat": "281-285,290", "dog": "151-268"}
    table = load_config(toml(tmp_path, 'weights = "w"\n[groups]\ncat = "1-2"\ndog = [3, 4]'), needed)
    assert table.groups == {"cat": "1-2", "dog": [3, 4]}
    assert load_config(None, {**NEEDED, "classes": "a,b,c"}).classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("crop", "sides"), [("224x288", (224, 288)), ([224, 288], (224, 288)), ("96x96", 96), ("96", 96), (96, 96)]
)
def test_crops_of_one_side_or_two(crop, sides):
    assert load_config(None, {**NEEDED, "crop": crop}).crop == sides


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
        ("smooth = [0]", r"smooth is \[0\], expected numbers separated by commas, such as 0.5,1,2, or none"),
        (
            "smooth = [2, 1]",
            r"smooth is \[2, 1\], expected numbers above 0 and at most 64, each once, from small to large",
        ),
        ('smooth = "1,1"', "each once, from small to large"),
        ('smooth = "65"', "at most 64"),
        ("methods = 3", "methods is 3, expected names separated by commas"),
        ('targets = ["left"]', "unknown target 'left'"),
        ('dtype = "float8"', "dtype is 'float8', expected one of float32, bfloat16, float16"),
        ('mean = "a,b"', "mean is 'a,b', expected numbers"),
        ("resume = 1", "resume is 1, expected true or false"),
        ('classes = "cat"', "classes is 'cat', expected two names or more"),
        ('classes = "a,b"\n[groups]\na = 1\nb = 2', "classes and groups both name the classes; give --classes or"),
        ("groups = 3", "groups is 3, expected names with the numbers of outputs, such as cat=281-285"),
        ('groups = "cat"', "groups is 'cat', expected names with the numbers"),
        ('groups = "3,cat=4"', "groups is '3,cat=4', expected names with the numbers"),
        ('groups = "cat=1,cat=2"', "groups is 'cat=1,cat=2', expected each name once, and cat is twice"),
        ("crop = 0", "crop is 0, expected a whole number of at least 1, or height x width such as 224x288"),
        ('crop = "224x"', "crop is '224x', expected a whole number of at least 1, or height x width"),
        ("crop = [1, 2, 3]", r"crop is \[1, 2, 3\], expected a whole number from 1 to 4096, or height x width"),
        ('interpolation = "nearest"', "interpolation is 'nearest', expected one of bilinear, bicubic"),
        ('dataset = ""', "dataset is '', expected a text"),
        ("steps = ", "is not TOML"),
        ("steps = 2147483648", "steps is 2147483648, expected a whole number of at most 65536"),
        ('steps = "٤"', "steps is '٤', expected a whole number"),
        ('steps = "0x10"', "steps is '0x10', expected a whole number"),
        ('steps = "1_0"', "steps is '1_0', expected a whole number"),
        ("steps = [4]", r"steps is \[4\], expected a whole number"),
        ("resize = 1000000", "resize is 1000000, expected a whole number of at most 4096"),
        ("crop = -3", "crop is -3, expected a whole number of at least 1"),
        ("limit = inf", "limit is inf, expected a whole number"),
        ("seed = 9223372036854775807", "expected a whole number of at most 4294967295"),
        ("workers = 100000", "expected a whole number of at most 512, or auto"),
        ("mean = []", "expected numbers separated by commas"),
        ("mean = [true, 0, 0]", "expected numbers separated by commas"),
        ("mean = {a = 1}", "expected numbers separated by commas"),
        ("mean = [inf, 0, 0]", "expected numbers from -1000 to 1000"),
        ('mean = "nan,0,0"', "expected numbers separated by commas"),
        ('std = "0,1,1"', "expected numbers from 1e-06 to 1000"),
        ('split = "  "', "split is '  ', expected a text"),
        (f'split = ["{"a" * 500}"]', r"split is \['a{78}\.\.\., expected a text"),
        ("controls = []", "expected one of none, cheap, sampled, all"),
        ("[steps]\nn = 4", r"steps is \{'n': 4\}, expected a whole number"),
        ("x = " + "[" * 5000, "is nested too deeply|is not TOML"),
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


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("~nosuchuser/x", "expected a path, and nobody here is called ~nosuchuser"),
        ("a\0b", "expected a text"),
        ("", "text"),
    ],
)
def test_paths_that_are_none(path, said):
    with pytest.raises(ConfigError, match=f"data-root is .*, .*{said}"):
        load_config(None, {**NEEDED, "data_root": path})


def test_undecodable_bytes_in_a_path_are_text_in_the_manifest():
    assert load_config(None, {**NEEDED, "out": "caf\udce9"}).as_json()["out"] == r"caf\xe9"


def test_a_byte_order_mark_and_line_ends_of_windows(tmp_path):
    (tmp_path / "run.toml").write_bytes(b"\xef\xbb\xbfsteps = 16\r\nseed = 3\r\n")
    config = load_config(tmp_path / "run.toml", NEEDED)
    assert (config.steps, config.seed) == (16, 3)


def test_a_configuration_that_is_no_small_file_of_text(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # which nobody writes to: opening it would wait for ever
    (tmp_path / "large").write_bytes(b"#" * (2 << 20))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    cases = {
        tmp_path / "pipe": "is no regular file",
        tmp_path: "is no regular file",
        Path("/dev/zero"): "is no regular file",
        tmp_path / "large": "is larger than 1 MB",
        tmp_path / "binary": "is not TOML",
    }
    for path, said in cases.items():
        with pytest.raises(ConfigError, match=said):
            load_config(path, NEEDED)
