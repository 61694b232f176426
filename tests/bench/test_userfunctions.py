"""A user's own functions: whatever they are, raise or return is used as meant, or one line that names it."""

import math
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from bench.cli import main
from bench.config import load_config
from bench.errors import ConfigError
from bench.names import resolve
from bench.pipeline import run
from bench.plan import known_architectures, read_dataset
from bench.selection import select_methods
from bench.userfunctions import UserFunctionError, as_map, guarded_map, guarded_values
from cam import CONTROLS, METHODS, Method, MethodError
from datasets import DatasetError
from metrics import METRICS, Metric, MetricError
from weights import Classifier

A, G = torch.rand(4, 3, 7, 7), torch.rand(4, 2, 3, 7, 7)
GOOD = (G * A[:, None]).sum(dim=2)
FAST = ("--protocols", "none", "--controls", "none", "--metrics", "empty", "--workers", "0")
RUN = ("run", "--dataset", "synthetic", "--limit", "2", "--weights", "catdog-scenes", *FAST)


def guarded(what: str, function):
    """The function as a run calls it on these activations and gradients."""
    method = Method(guarded_map(what, function), what, finish=as_map(what))
    return partial(made, method)


def made(method: Method, activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    given = {"activations": activations, "gradients": gradients}
    shape = (*gradients.shape[:2], *activations.shape[-2:])
    return method.checked(method.function(**{name: given[name] for name in method.inputs}), shape, activations.device)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the user's in the current folder; it is forgotten again."""
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)

    def write(text: str, name: str = "mine") -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return name

    yield write
    sys.path[:] = path
    for name in [name for name, found in sys.modules.items() if str(tmp_path) in str(getattr(found, "__file__", ""))]:
        del sys.modules[name]


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs with options that make it fail before any work; returns the one line."""

    def run(*options: str, words: tuple[str, ...] = RUN) -> str:
        assert main([*words, *options, "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1, said.err
        assert said.out == ""
        assert not (tmp_path / "out" / "scores.parquet").exists()
        return said.err

    return run


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
        guarded("method", interrupted)(A, G)


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
        read_dataset("os:system", tmp_path, None, None)
    with pytest.raises(ConfigError, match=r"data set 'json:loads' takes \(s, \*"):
        read_dataset("json:loads", tmp_path, None, None)
    with pytest.raises(ConfigError, match=r"architecture 'os:system' is no weights.Architecture"):
        known_architectures("os:system")


RETURNED = {  # what a method may return that is no map: the value and what is said of it
    "None": (None, "None, expected a tensor (4, 2, 7, 7)"),
    "a list": (GOOD.tolist(), "a list, expected a tensor (4, 2, 7, 7)"),
    "a tuple": ((GOOD,), "a tuple, expected a tensor (4, 2, 7, 7)"),
    "a number": (3.0, "a float, expected a tensor (4, 2, 7, 7)"),
    "one class": (GOOD[:, 0], "(4, 7, 7), expected (4, 2, 7, 7)"),
    "a batch too small": (GOOD[:1], "(1, 2, 7, 7), expected (4, 2, 7, 7)"),
    "another size": (GOOD[..., :6], "(4, 2, 7, 6), expected (4, 2, 7, 7)"),
    "a mean": (GOOD.mean(), "(), expected (4, 2, 7, 7)"),
    "complex": (GOOD + 1j, "complex numbers, expected a tensor (4, 2, 7, 7) of real numbers"),
    "sparse": (GOOD.to_sparse(), "a torch.sparse_coo tensor of torch.float32"),
    "meta": (GOOD.to("meta"), "a tensor on meta, expected one on cpu"),
    "a NumPy array too small": (GOOD.numpy()[0], "(2, 7, 7), expected (4, 2, 7, 7)"),
    "NumPy objects": (GOOD.numpy().astype(object), "a numpy.ndarray, expected a tensor (4, 2, 7, 7)"),
    "NumPy text": (GOOD.numpy().astype(str), "a numpy.ndarray, expected a tensor (4, 2, 7, 7)"),
    "NumPy complex": (GOOD.numpy() + 1j, "a numpy.ndarray, expected a tensor (4, 2, 7, 7)"),
    "a masked array": (np.ma.masked_array(GOOD.numpy()), "a numpy.ma.MaskedArray"),
    "a function": (lambda: GOOD, "a function, expected a tensor (4, 2, 7, 7)"),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_what_is_no_map_is_refused_in_one_line(kind):
    value, said = RETURNED[kind]
    with pytest.raises(UserFunctionError) as raised:
        guarded("method 'mine:f'", lambda activations, gradients: value)(A, G)
    assert str(raised.value).startswith(f"method 'mine:f' returned {said}")


CONVERTED = {
    "float64": GOOD.double(),
    "float16": GOOD.half(),
    "bfloat16": GOOD.bfloat16(),
    "int64": (GOOD * 9).long(),
    "uint8": (GOOD * 9).to(torch.uint8),
    "bool": GOOD > 0.5,
    "with a graph": GOOD.clone().requires_grad_() * 2,
    "a parameter": torch.nn.Parameter(GOOD.clone()),
    "a transposed view": GOOD.transpose(2, 3),
    "expanded": GOOD[:, :1].expand(4, 2, 7, 7),
    "NumPy": GOOD.numpy(),
    "NumPy integers, backwards": (GOOD.numpy() * 9).astype(">i4")[:, ::-1],
    "NumPy bool": GOOD.numpy() > 0.5,
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_real_numbers_of_any_kind_become_a_map_of_its_own(kind):
    value = CONVERTED[kind]
    found = guarded("method", lambda activations, gradients: value)(A, G)
    assert (found.dtype, found.requires_grad, found.grad_fn) == (torch.float32, False, None)
    expected = torch.from_numpy(value.astype(np.float64)) if isinstance(value, np.ndarray) else value.detach()
    torch.testing.assert_close(found, expected.float())
    found.zero_()
    assert (np.asarray(value) if isinstance(value, np.ndarray) else value).any()


def test_numbers_too_large_become_infinite_and_so_undefined():
    found = guarded("method", lambda activations, gradients: GOOD.double() + 1e300)(A, G)
    assert found.isinf().all()


def test_what_a_function_raises_is_named_with_its_line(module):
    module(
        """
        import sys
        import torch

        def divide(activations, gradients):
            return deeper(activations.numel())

        def deeper(n):
            return n / 0

        def leave(activations, gradients):
            sys.exit(0)

        def shapes(activations, gradients):
            return torch.cat([activations, gradients])
        """
    )
    for name, said in (
        ("divide", "raised ZeroDivisionError: division by zero (mine.py, line 9)"),
        ("leave", "raised SystemExit: 0 (mine.py, line 12)"),
        ("shapes", "raised RuntimeError: Tensors must have same number of dimensions: got 4 and 5 (mine.py, line 15)"),
    ):
        method = select_methods([f"mine:{name}"])[f"mine:{name}"]
        with pytest.raises(UserFunctionError) as raised:
            made(method, A, G)
        assert str(raised.value) == f"method 'mine:{name}' {said}"


def test_a_function_works_on_copies():
    activations, gradients = A.clone(), G.clone()

    def greedy(activations, gradients):
        activations.relu_().zero_()
        return gradients.mul_(0).sum(dim=2)

    guarded("method", greedy)(activations, gradients)
    assert torch.equal(activations, A)
    assert torch.equal(gradients, G)

    def spread(raw, deletion_blur=None):
        return raw.zero_().sum(dim=(1, 2))

    raw = A[:, 0].clone()
    guarded_values("metric", spread)(raw=raw)
    assert torch.equal(raw, A[:, 0])


def test_a_buffer_that_a_function_fills_again_and_again_is_not_shared():
    buffer = torch.empty(4, 2, 7, 7)
    method = guarded("method", lambda activations, gradients: buffer.copy_(gradients.sum(dim=2)))
    first = method(A, G)
    method(A, G * 0)
    torch.testing.assert_close(first, G.sum(dim=2))


def test_metrics_are_checked_like_methods():
    metric = guarded_values("metric 'mine:m'", lambda raw: raw.sum())
    with pytest.raises(UserFunctionError, match=r"metric 'mine:m' returned \(\), expected \(4,\)"):
        metric(raw=A[:, 0])
    assert guarded_values("metric", lambda raw: raw.sum(dim=(1, 2)).int())(raw=A[:, 0]).dtype == torch.float64
    assert guarded_values("metric", lambda raw: np.arange(4))(raw=A[:, 0]).tolist() == [0, 1, 2, 3]
    with pytest.raises(UserFunctionError, match=r"returned None, expected a tensor \(4,\)"):
        guarded_values("metric", lambda raw: None)(raw=A[:, 0])


def test_controls_of_ones_own_are_checked_and_work_on_copies():
    images = torch.rand(2, 3, 8, 8)
    given, own = {"images": images, "classes": 2, "size": (4, 4)}, CONTROLS["control_sobel"].function
    torch.testing.assert_close(guarded_map("method", own)(**given), own(**given))
    found = guarded_map("method", lambda images: images.zero_())(images=images)
    with pytest.raises(UserFunctionError, match=r"returned \(2, 3, 8, 8\), expected \(2, 2, 4, 4\)"):
        as_map("method")(found, (2, 2, 4, 4), images.device)
    assert images.any()


def test_metrics_whose_parameters_cannot_be_read(module):
    module(
        """
        import functools
        import torch

        def powered(raw, power):
            return raw.pow(power).sum(dim=(1, 2))

        partial = functools.partial(powered, power=2)
        short = lambda raw: raw.amax(dim=(1, 2))
        by_place = eval("lambda raw, /: raw")
        typo = lambda rwa: rwa
        gathers = lambda **kwargs: None
        nothing = lambda: None
        builtin = dict

        class Callable:
            def __call__(self, raw):
                return raw.sum(dim=(1, 2))

        instance = Callable()
        """
    )
    assert Metric(resolve("metric", "mine:partial", METRICS), "x").inputs == ("raw",)
    assert Metric(resolve("metric", "mine:short", METRICS), "x").inputs == ("raw",)
    assert Metric(resolve("metric", "mine:instance", METRICS), "x").inputs == ("raw",)
    for name, said in (
        ("by_place", "metric 'x' takes 'raw'; its parameters must be named"),
        ("typo", r"metric 'x' asks for an unknown input 'rwa' \(did you mean 'raw'\?\); known: raw"),
        ("gathers", r"metric 'x' takes '\*\*kwargs'"),
        ("nothing", "metric 'x' asks for nothing"),
        ("builtin", "metric 'x' has no parameters that can be read"),
    ):
        with pytest.raises(MetricError, match=said):
            Metric(resolve("metric", f"mine:{name}", METRICS), "x")
    with pytest.raises(MetricError, match=r"roles of metric 'x' are \('left',\), expected some of right, wrong"):
        Metric(lambda raw: raw, "x", roles=("left",))


def test_data_sets_and_architectures_of_ones_own(module, tmp_path):
    module(
        """
        from datasets import DatasetError
        from weights import ARCHITECTURES, Architecture

        def fails(root, split, download):
            raise OSError(28, "No space left on device")

        def empty(root, split, download):
            return []

        def says(root, split, download):
            raise DatasetError("no pictures here")

        broken = Architecture(lambda classes: 1 / 0, "0", "")
        text = Architecture(lambda classes: "net", "0", "")
        """
    )
    for name, said in (
        ("fails", r"data set 'mine:fails' raised OSError: \[Errno 28\] No space left on device \(mine.py, line 6\)"),
        ("empty", r"data set 'mine:empty' returned a list, expected a datasets.records.Dataset"),
    ):
        with pytest.raises(UserFunctionError, match=said):
            read_dataset(f"mine:{name}", tmp_path, None, None)
    with pytest.raises(DatasetError, match=r"^no pictures here$"):
        read_dataset("mine:says", tmp_path, None, None)
    with pytest.raises(
        UserFunctionError, match=r"architecture 'mine:broken' raised ZeroDivisionError: division by zero"
    ):
        known_architectures("mine:broken")["mine:broken"].build(2)
    with pytest.raises(UserFunctionError, match=r"'mine:text' returned a str, expected a torch.nn.modules.module"):
        known_architectures("mine:text")["mine:text"].build(2)


def test_the_command_line_says_it_in_one_line(module, refused):
    module(
        """
        import torch

        def small(activations, gradients):
            return gradients.sum(dim=(1, 2))

        def stops(raw):
            raise SystemExit(1)
        """
    )
    assert (
        refused("--methods", "mine:small")
        == "cambench: method 'mine:small' returned (1, 13, 13), expected (1, 2, 13, 13)\n"
    )
    assert "metric 'mine:stops' raised SystemExit: 1 (mine.py, line 8)" in refused("--metrics", "mine:stops")
    assert "method 'os:system' asks for an unknown input 'command'" in refused("--methods", "os:system")
    assert "data set 'json:loads' takes" in refused(
        "--data-root", ".", words=("run", "--dataset", "json:loads", "--weights", "catdog-scenes", *FAST)
    )
    assert "'nothing:f': cannot import 'nothing'" in refused("--arch", "nothing:f")


def test_an_undefined_map_is_counted_named_and_never_scored(module, tmp_path, capsys, read_manifest, read_scores):
    """One in four of a method's maps holds a NaN; the other method's numbers stay as they are."""
    module(
        """
        import torch
        from cam.methods import gradcam

        def holes(activations, gradients):
            maps = gradcam(activations, gradients)
            maps[0, 0, 3, 3], maps[0, 0, 2, 2] = torch.nan, torch.inf
            activations.zero_()
            gradients.zero_()
            return maps
        """
    )
    words = {"dataset": "synthetic", "limit": 3, "weights": "catdog-scenes", "steps": 2, "batch_size": 2, "workers": 0,
             "resize": 112, "crop": 112, "targets": "right,wrong"}  # fmt: skip
    flags = [text for name, value in words.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["run", *flags, "--methods", "mine:holes,layercam", "--out", "both"]) == 0
    said = capsys.readouterr().out
    layer = next(iter(read_manifest(tmp_path / "both")["layers"]))
    assert f"mine:holes at {layer}: 2 of 6 maps hold NaN or infinity; they are undefined and count in no mean" in said
    assert read_manifest(tmp_path / "both")["undefined_maps"] == {"mine:holes": {layer: 2}}
    run(load_config(None, {**words, "methods": "gradcam,layercam", "out": "alone"}), report=False)
    assert read_manifest(tmp_path / "alone")["undefined_maps"] == {}
    both, alone = (read_scores(tmp_path / name)["value"] for name in ("both", "alone"))
    assert both.xs("layercam", level="method").equals(alone.xs("layercam", level="method"))
    for name, twin in (("mine:holes", "gradcam"), ("control_negated_mine:holes", "control_negated_gradcam")):
        found, expected = both.xs(name, level="method"), alone.xs(twin, level="method")
        assert found.index.equals(expected.index)
        images = sorted(set(found.index.get_level_values("image_id")))
        lost = [image for image in images if found.xs((image, "cat"), level=("image_id", "target")).isna().all()]
        assert len(lost) == 2
        for key, value in found.items():
            both_maps = key[3] in ("antisymmetry", "map_separation")
            undefined = (key[0] in lost and (key[2] == "cat" or both_maps)) or math.isnan(expected[key])
            assert math.isnan(value) if undefined else value == pytest.approx(expected[key], abs=1e-4), (
                key
            )  # batches differ


def test_metrics_named_where_nothing_has_what_they_need_are_refused(refused, tmp_path):
    photos = tmp_path / "photos"
    for name, grey in (("cat", 60), ("dog", 90)):
        (photos / name).mkdir(parents=True)
        Image.new("RGB", (64, 64), (120, grey, 60)).save(photos / name / "1.jpg")
    given = ("--dataset", "folder", "--data-root", str(photos), "--weights", "catdog-scenes")
    words = ("run", *given, "--protocols", "none")
    for metric, lacking in (
        ("energy_in_mask", "with a mask or a box of the animal"),
        ("pxap", "with a mask or a box of the animal"),
        ("energy_in_face", "with a box of the head"),
        ("part_correlation", "that is drawn (--dataset synthetic)"),
        ("own_animal_share", "that shows both animals"),
        ("map_separation", "that shows both animals"),
        ("target_sensitivity", "that shows both animals"),
    ):
        line = refused("--metrics", metric, words=words)
        assert f"metric '{metric}' needs an image {lacking}, and none of the 2 in 'folder' is one" in line


def test_without_a_protocol_the_network_runs_once_per_batch(tmp_path, monkeypatch, read_scores):
    passes = []
    whole = Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda self, images: passes.append(len(images)) or whole(self, images))
    words = {"dataset": "synthetic", "limit": 3, "weights": "catdog-scenes", "protocols": "none", "controls": "all",
             "batch_size": 2, "workers": 0, "resize": 112, "crop": 112, "out": str(tmp_path / "o")}  # fmt: skip
    run(load_config(None, words), report=False)
    assert passes == [1, 2, 1]  # the trial before the run, and each batch once
    scored = set(read_scores(tmp_path / "o").index.get_level_values("metric"))
    assert "energy_in_mask" in scored
    assert not scored & {name for name, metric in METRICS.items() if metric.needs_forward or metric.needs_truth}


def test_metrics_that_run_the_network_need_a_protocol(refused):
    line = refused("--metrics", "average_drop")
    assert "metric 'average_drop' needs --protocols rise,srg; given: none" in line
