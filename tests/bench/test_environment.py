import subprocess

import pytest
import torch

from bench.environment import describe_device, git_state, peak_memory_mb, select_device, versions
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
