"""A real run, killed, stopped, started twice or spread over ranks, ends with the content of an undisturbed one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

IMAGES, BATCH = 60, 2
SHARDS = IMAGES // BATCH
Start = Callable[..., subprocess.Popen]


@pytest.fixture(scope="module")
def start(shared, forked) -> Iterator[Start]:
    """Starts the command on sixty photographs in a process group of its own; new processes for a launcher's.

    What a test that failed left running is ended, and its pipe closed.
    """
    started: list[subprocess.Popen] = []
    options = (
        "run", "--dataset", "folder", "--data-root", shared / "data" / "dogs-vs-cats-200px" / "val", "--limit", IMAGES,
        "--weights", shared / "weights" / "alexnet-narrow-catdog.pth", "--steps", 2, "--batch-size", BATCH,
        "--resize", 112, "--crop", 112, "--controls", "none", "--metrics", "srg_probability,effective_area",
        "--protocols", "srg",
    )  # fmt: skip

    def call(
        out: Path,
        *more: object,
        workers: int = 0,
        launcher: tuple[object, ...] = (),
        report: bool = False,
        environment: dict[str, str] | None = None,
    ) -> subprocess.Popen:
        words = [*options, "--workers", workers, "--out", out, *(() if report else ("--no-report",)), *more]
        if not launcher:
            process = forked([str(word) for word in words], environment=environment)
            process.wait_for_group()
            started.append(process)
            return process
        words = [sys.executable, *launcher, "-m", "bench", *words]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [str(word) for word in words], start_new_session=True, stderr=subprocess.PIPE, env=environment, text=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        if isinstance(process, subprocess.Popen) and not process.stderr.closed:
            process.communicate()


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    finish(start(out))
    return out


def finish(process: subprocess.Popen) -> str:
    _, said = process.communicate()
    assert process.returncode == 0, said
    return said


def shards(out: Path) -> set[str]:
    return {path.name for path in (out / "shards").glob("[0-9]*")}


def wait_for_shards(process: subprocess.Popen, out: Path, count: int) -> None:
    while process.poll() is None and len(shards(out)) < count:
        time.sleep(0.02)


def complete(out: Path) -> bool:
    """Whether the shards may go: everything in them is in the final files."""
    return json.loads((out / "manifest.json").read_text())["status"] == "complete"


def same_content(out: Path, other: Path) -> None:
    for name in ("scores", "curves", "images"):
        frames = [pd.read_parquet(folder / f"{name}.parquet") for folder in (out, other)]
        pd.testing.assert_frame_equal(*frames)
    files = [sorted(path.name for path in (folder / "maps").iterdir()) for folder in (out, other)]
    assert files[0] == files[1]
    for name in files[0]:
        maps, theirs = (safetensors.numpy.load_file(folder / "maps" / name) for folder in (out, other))
        assert maps.keys() == theirs.keys()
        assert all(np.array_equal(maps[key], theirs[key]) for key in maps)
    assert not list(out.rglob(".*"))
    assert json.loads((out / "manifest.json").read_text())["counts"] == {"images": 60, "scored": 60, "skipped": 0}


def test_a_run_killed_at_ten_random_moments_ends_the_same(start, undisturbed, tmp_path):
    out, moments = tmp_path / "run", random.Random(0)
    finished: set[str] = set()
    killed = 0
    for kill in range(10):
        process = start(out, "--resume", report=kill == 9)
        if kill == 0:
            longest = 0.5  # while it starts
        elif kill == 9:
            wait_for_shards(process, out, SHARDS)
            longest = 0.5  # while it merges and reports
        else:
            wait_for_shards(process, out, min(len(finished) + 1, SHARDS))
            longest = 0.06  # in the batches that follow
        time.sleep(longest * moments.random())
        if process.poll() is None:  # the last one may be faster
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        before, finished = finished, shards(out)
        assert before <= finished or complete(out)  # nothing finished is lost
    assert killed >= 7
    finish(start(out, "--resume"))
    same_content(out, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_the_batch_in_flight_and_resumes(start, undisturbed, tmp_path, number):
    out = tmp_path / "run"
    process = start(out, workers=1)
    wait_for_shards(process, out, 2)
    before = shards(out)
    os.killpg(process.pid, number)  # the whole group, as a terminal and systemd do
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("cambench: interrupted; finished work is kept, go on with --resume")
    assert before <= shards(out)
    assert not list(out.glob(".shard-*"))
    if number == signal.SIGTERM:
        finish(start(out, "--resume"))
        same_content(out, undisturbed)


def test_a_second_run_on_the_same_folder_is_refused(start, tmp_path):
    out = tmp_path / "run"
    first = start(out)
    wait_for_shards(first, out, 1)
    second = start(out, "--resume")
    _, said = second.communicate()
    assert second.returncode == 2
    assert said == f"cambench: another run is writing to '{out}'; wait until it ends, or choose another --out\n"
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2)


def test_two_ranks_end_with_the_content_of_one_process(start, undisturbed, tmp_path):
    out = tmp_path / "run"
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29732", "WORLD_SIZE": "2"}  # what torchrun tells its processes
    ranks = [start(out, environment={**told, "RANK": rank, "LOCAL_RANK": rank}) for rank in "01"]
    for rank in ranks:
        _, said = rank.communicate(timeout=240)  # of what would be a hang a failure is made
        assert rank.returncode == 0, said
    same_content(out, undisturbed)
    assert json.loads((out / "manifest.json").read_text())["ranks"] == 2


def test_a_killed_rank_is_started_again_and_only_missing_shards_are_scored(start, undisturbed, tmp_path):
    out = tmp_path / "run"
    process = start(out, "--resume", launcher=(*TORCHRUN, "--max-restarts", 2, "--monitor-interval", 0.2))
    wait_for_shards(process, out, 3)
    kept = {name: (out / "shards" / name).stat().st_ino for name in shards(out)}
    os.kill(rank_one(process.pid), signal.SIGKILL)
    wait_for_shards(process, out, len(kept) + 4)
    assert kept.items() <= {name: (out / "shards" / name).stat().st_ino for name in shards(out)}.items()
    finish(process)
    same_content(out, undisturbed)
    assert json.loads((out / "manifest.json").read_text())["ranks"] == 2


def rank_one(launcher: int) -> int:
    """Process id of the rank 1 that torchrun started."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes().split(b"\0")
            parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == launcher and b"RANK=1" in environment:
            return int(path.parent.name)
    raise AssertionError("no rank 1")
