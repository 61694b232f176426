"""A short soak: what is counted stays constant; and the judge sees what creeps. The long one is `make soak`."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COUNT = 192

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")


@pytest.fixture(scope="module")
def soak():
    spec = importlib.util.spec_from_file_location("cambench_soak", HERE / "soak.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def samples(soak, tmp_path_factory):
    few = (
        "--controls",
        "none",
        "--methods",
        "gradcam",
        "--metrics",
        "srg_probability,energy_in_mask",
        "--protocols",
        "srg",
    )
    return soak.soak(tmp_path_factory.mktemp("soak") / "soak", COUNT, 0.05, few)


def test_handles_threads_and_processes_stay_what_they_are_and_nothing_is_left(samples, soak):
    begun = [sample for sample in samples if soak.BATCH < sample.done < COUNT]
    first, last = begun[: len(begun) // 2], begun[len(begun) // 2 :]
    for name in ("handles", "threads", "processes"):
        assert max(getattr(s, name) for s in last) <= max(getattr(s, name) for s in first), name
    assert samples[-1].done == COUNT
    assert samples[-1].handles <= max(sample.handles for sample in begun)


@pytest.fixture
def steady(samples, soak):
    """Looks at 1,000 images of which none costs more than the one before."""
    one = replace(samples[-1], main=900.0, tree=1000.0, handles=48, threads=9)
    return [replace(one, done=min(n, 1000), seconds=n / 100, cpu=n / 200) for n in range(0, 1010, 5)]


def broken(soak, samples) -> list[str]:
    return [finding.name for finding in soak.judge(samples, 1000) if not finding.kept]


def test_the_judge_keeps_quiet_and_names_what_creeps(soak, steady):
    assert broken(soak, steady) == []
    creeping = [replace(s, main=s.main + s.done / 10, tree=s.tree + s.done / 10) for s in steady]
    assert broken(soak, creeping) == ["resident memory of the main process", "memory of all processes"]
    assert broken(soak, [replace(s, handles=s.handles + s.done // 100) for s in steady]) == ["open handles"]
    assert broken(soak, [replace(s, threads=s.threads + s.done // 100) for s in steady]) == ["threads"]
    slower = [replace(s, cpu=s.cpu * (1 + s.done / 10_000)) for s in steady]
    assert broken(soak, slower) == ["CPU per image, first and last tenth"]
    large = [replace(s, tree=3000.0) if s.done == 1000 else s for s in steady]
    assert broken(soak, large) == ["report, largest memory"]
