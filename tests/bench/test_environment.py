import importlib.util
import subprocess
import sys
import types

import pytest
import torch

import bench.environment
from bench.environment import code_hash, describe_device, git_state, peak_memory_mb, select_device, versions
from bench.errors import ConfigError


@pytest.mark.parametrize("name", ["tpu", "cuda:999", "mps", ""])
def test_devices_that_are_not_here(name):
    with pytest.raises(ConfigError, match=f"device is '{name}'"):
        select_device(name)


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert select_device("auto") == torch.device("cpu")
    assert select_device("auto", 1) == torch.device("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert select_device("auto") == torch.device("cuda")
    assert select_device("auto", 1) == torch.device("cuda:1")
    assert select_device("cuda:0", 1) == torch.device("cuda:0")  # what is named is taken
    with pytest.raises(ConfigError, match="device is 'cuda:2', but 2 GPUs are visible"):
        select_device("cuda", 2)


def test_description_has_what_decides_speed_and_numbers():
    device = describe_device(torch.device("cpu"))
    assert device["threads"] == torch.get_num_threads()
    assert device["name"]
    assert versions()["torch"] == torch.__version__.partition("+")[0]
    assert versions()["cambench"] != "not installed"


def test_revision_is_that_of_the_code(monkeypatch):
    state = git_state()
    if state["revision"] is not None:
        assert len(state["revision"]) == 40
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError("git")))
    assert git_state() == {"revision": None, "dirty": None}


def test_peak_memory_is_that_of_a_python_process_with_torch():
    assert 50 < peak_memory_mb() < 100_000


def test_windows_has_no_resource_module_and_no_malloc_trim(monkeypatch):
    """The module is loaded a second time, as it would be there."""
    monkeypatch.setitem(sys.modules, "resource", None)
    spec = importlib.util.spec_from_file_location("environment_there", bench.environment.__file__)
    there = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(there)
    assert there.peak_memory_mb() is None
    monkeypatch.setattr(there, "sys", types.SimpleNamespace(platform="win32"))
    monkeypatch.delattr(there.ctypes, "CDLL")
    there.release_free_memory()


def test_the_hash_of_the_code_is_that_of_its_text(tmp_path, monkeypatch):
    assert code_hash() == code_hash()
    (tmp_path / "mine.py").write_text("def method(): ...\n")
    monkeypatch.setitem(sys.modules, "mine", types.SimpleNamespace(__file__=str(tmp_path / "mine.py")))
    before = code_hash(["mine"])
    assert before != code_hash()
    (tmp_path / "mine.py").write_text("def method(): pass\n")
    assert code_hash(["mine"]) != before
    monkeypatch.setattr(bench.environment, "CODE", ("bench",))
    assert code_hash() != before
