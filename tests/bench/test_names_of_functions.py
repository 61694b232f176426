"""Names of a user's functions: what is imported, and what is refused before it is called."""

import pytest
import torch

from bench.errors import ConfigError
from bench.names import resolve
from bench.run.data import read_dataset
from bench.run.plan import known_architectures
from bench.run.selection import select_methods
from bench.userfunctions import UserFunctionError, guarded_map
from cam import METHODS, MethodError
from datasets import DatasetError
from datasets.names import DEFAULT
from metrics import METRICS
from weights import WeightsError

A, G = torch.rand(4, 3, 7, 7), torch.rand(4, 2, 3, 7, 7)
NO_NAMES = [":x", "..:x", "x:", ":", "a b:f", "mine:1f", "mine:f()", "mine:class", "a..b:f", "mine:f:g"]


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("kind", ["method", "metric", "data set", "architecture"])
def test_what_is_no_name_is_refused_before_any_import(kind, name):
    with pytest.raises(UserFunctionError) as raised:
        resolve(kind, name, {"gradcam": 1})
    assert str(raised.value) == f"{kind} '{name}' cannot be a function's name; expected package.module:function"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ndef f(:\n", "raised SyntaxError: invalid syntax (mine.py, line 2)"),
        ("def f(a, b):\nreturn a\n", "raised IndentationError: expected an indented block after function"),
        ("import sys\nsys.exit(0)\n", "raised SystemExit: 0 (mine.py, line 2)"),
        ("import sys\nsys.exit()\n", "raised SystemExit (mine.py, line 2)"),
        ("\n\n1 / 0\n", "raised ZeroDivisionError: division by zero (mine.py, line 3)"),
        ("import nowhere_at_all\n", "raised ModuleNotFoundError: No module named 'nowhere_at_all' (mine.py, line 1)"),
        ("from torch import nothing_like_it\n", "raised ImportError: cannot import name 'nothing_like_it'"),
        ("class Odd(BaseException):\n    pass\nraise Odd('a\\nb')\n", "raised mine.Odd: a b (mine.py, line 3)"),
        ("raise ValueError('x' * 5000)\n", "xxx... (mine.py, line 1)"),
        ("class E(Exception):\n    def __str__(self):\n        1 / 0\nraise E\n", "<exception str() failed>"),
        ("x = '\\0'\ny = None.z\n", "raised AttributeError: 'NoneType' object has no attribute 'z' (mine.py, line 2)"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_imported_is_one_line_with_its_own_last_one(module, text, said):
    module(text)
    with pytest.raises(UserFunctionError) as raised:
        resolve("method", "mine:f", METHODS)
    assert str(raised.value).startswith("method 'mine:f': importing 'mine' ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


def test_a_module_with_a_null_byte_or_another_encoding(module, tmp_path):
    (tmp_path / "mine.py").write_bytes(b"x = 1\0\n")
    with pytest.raises(UserFunctionError, match=r"raised SyntaxError: source code string cannot contain null bytes"):
        resolve("method", "mine:f", METHODS)
    (tmp_path / "yours.py").write_bytes(b"x = '\xe4'\n")
    with pytest.raises(UserFunctionError, match=r"raised SyntaxError: .*utf-8.*yours\.py"):
        resolve("method", "yours:f", METHODS)


def test_modules_that_are_not_there_and_names_that_are_close(module):
    with pytest.raises(UserFunctionError, match=r"cannot import 'no_such_thing' \(No module named 'no_such_thing'\)"):
        resolve("metric", "no_such_thing:f", METRICS)
    with pytest.raises(UserFunctionError, match=r"cannot import 'json.nowhere' \(No module named 'json.nowhere'\)"):
        resolve("metric", "json.nowhere:f", METRICS)
    module("def spread(raw):\n    return raw\n")
    with pytest.raises(UserFunctionError, match=r"has no 'spraed' \(did you mean 'spread'\?\)"):
        resolve("metric", "mine:spraed", METRICS)


def test_an_interruption_at_import_or_in_a_call_passes_through(module):
    module("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        resolve("method", "mine:f", METHODS)

    def interrupted(activations, gradients):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded_map("method", interrupted)(activations=0, gradients=0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("os:system", "method 'os:system' asks for an unknown input 'command'; known: activations, gradients"),
        ("json:loads", "method 'json:loads' asks for an unknown input 's'"),
        ("builtins:dict", "method 'builtins:dict' has no parameters that can be read"),
        ("json:__name__", "'__name__' is a str, expected a function"),
    ],
)
def test_functions_that_are_no_method_are_refused_and_never_called(name, said, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *_: pytest.fail("called"))
    with pytest.raises((ConfigError, MethodError)) as raised:
        select_methods([name])
    assert said in str(raised.value)


def test_functions_that_are_no_data_set_metric_or_architecture_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"data set 'os:system' takes \(command\), expected 3 parameters: root"):
        read_dataset("os:system", tmp_path, None, None, DEFAULT)
    with pytest.raises(ConfigError, match=r"data set 'json:loads' takes \(s, \*"):
        read_dataset("json:loads", tmp_path, None, None, DEFAULT)
    with pytest.raises(WeightsError, match=r"'json:dump' takes \(obj, fp, .*expected function\(num_classes\)"):
        known_architectures("json:dump")
    with pytest.raises(WeightsError, match=r"architecture 'os:sep' is a str, expected a function"):
        known_architectures("os:sep")


def test_data_sets_and_architectures_of_ones_own(module, tmp_path):
    module(
        """
        from datasets import DatasetError
        from weights import ARCHITECTURES, Architecture

        def fails(root, split, download):
            raise OSError(28, "No space left on device")

        def told(root, split, download, classes):
            raise DatasetError(" and ".join(classes))

        def empty(root, split, download):
            return []

        def says(root, split, download):
            raise DatasetError("no pictures here")

        broken = Architecture(lambda classes: 1 / 0, "0", "")
        text = Architecture(lambda classes: "net", "0", "")
        """
    )
    said = r"data set 'mine:fails' raised OSError: \[Errno 28\] No space left on device \(mine.py, line 6\)"
    with pytest.raises(UserFunctionError, match=said):
        read_dataset("mine:fails", tmp_path, None, None, DEFAULT)
    with pytest.raises(DatasetError, match=r"data set 'mine:empty' returned a list, expected a datasets.Dataset"):
        read_dataset("mine:empty", tmp_path, None, None, DEFAULT)
    with pytest.raises(DatasetError, match=r"^cat and dog$"):
        read_dataset("mine:told", tmp_path, None, None, DEFAULT)
    with pytest.raises(DatasetError, match=r"^no pictures here$"):
        read_dataset("mine:says", tmp_path, None, None, DEFAULT)
    with pytest.raises(
        UserFunctionError, match=r"architecture 'mine:broken' raised ZeroDivisionError: division by zero"
    ):
        known_architectures("mine:broken")["mine:broken"].build(2)
    with pytest.raises(UserFunctionError, match=r"'mine:text' returned a str, expected a torch.nn.modules.module"):
        known_architectures("mine:text")["mine:text"].build(2)
