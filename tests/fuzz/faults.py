"""Makes the n-th write, fsync, rename, mkdir or unlink of a small job fail or kill its process; then calls it again.

`python tests/fuzz/faults.py SEED JOB=POINTS ...` prints a line of JSON per job (run, report, train): how many points
there are, how many were tried, the seconds after which the slowest of them had ended, and every point after which the
second call did not end with the undisturbed result. Each call is a forked child of one process that has imported
everything and has no threads.
"""

import errno
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TIMES = ("timings", "peak_memory_mb", "started", "finished")
HANG = 120.0  # seconds after which a child is killed and counted as one that hangs
KINDS = ("full", "broken", "killed before", "killed after", "killed half way")


class Faults:
    """Counts what a process does to files below a folder, and disturbs the n-th of it."""

    def __init__(self, folder: Path, number: int | None, kind: str) -> None:
        self.folder, self.number, self.kind, self.count = str(folder), number, kind, 0

    def install(self) -> None:
        """For good: the process is a child that ends soon."""
        for name in ("mkdir", "replace", "rename", "unlink", "rmdir", "fsync"):
            setattr(os, name, self._disturbed(name, getattr(os, name)))
        opened = io.open
        io.open = lambda file, mode="r", *more, **options: self._file(file, mode, opened(file, mode, *more, **options))

    def point(self, name: str, act: Callable[[], Any], half: Callable[[], Any] = lambda: None) -> Any:
        self.count += 1
        if self.count != self.number:
            return act()
        if self.kind in ("full", "broken"):
            half()
            number = errno.ENOSPC if self.kind == "full" else errno.EIO
            raise OSError(number, os.strerror(number), name)
        if self.kind == "killed half way":
            half()
        elif self.kind == "killed after":
            act()
        return os.kill(os.getpid(), signal.SIGKILL)

    def _disturbed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *more: Any, **options: Any) -> Any:
            ours = name == "fsync" or str(path).startswith(self.folder) or "dir_fd" in options
            return (
                self.point(name, lambda: function(path, *more, **options)) if ours else function(path, *more, **options)
            )

        return call

    def _file(self, path: Any, mode: str, file: Any) -> Any:
        ours = str(path).startswith(self.folder) and any(letter in mode for letter in "wxa+")
        return _File(file, self) if ours else file


class _File:
    """An open file whose writes are counted."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def write(self, content: Any) -> Any:
        def half() -> None:
            self._file.write(content[: len(content) // 2])
            self._file.flush()

        return self._faults.point("write", lambda: self._file.write(content), half)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def call(words: list[str], folder: Path, number: int | None = None, kind: str = "full") -> tuple[int | str, int, float]:
    """Runs a command in a child: its exit code ("killed", "hangs"), how many points it passed, its seconds."""
    read, write = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(read)
        silent = os.open(os.devnull, os.O_WRONLY)
        said = os.open(folder.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(silent, 1)
        os.dup2(said, 2)
        code = 70
        try:
            from bench.cli import main

            faults = Faults(folder, number, kind)
            faults.install()
            code = main(words)
            os.write(write, str(faults.count).encode())
        finally:
            os._exit(code)
    os.close(write)
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() - begun > HANG:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read)
            return "hangs", 0, HANG
        time.sleep(0.005)
    with os.fdopen(read) as pipe:
        count = pipe.read()
    code = os.waitstatus_to_exitcode(done[1])
    return "killed" if code == -signal.SIGKILL else code, int(count or 0), time.monotonic() - begun


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, without what is a time."""
    files = {}
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b"folder"
        if path.name == "manifest.json":
            manifest = json.loads(data)
            data = json.dumps({key: value for key, value in manifest.items() if key not in TIMES}).encode()
        files[str(path.relative_to(folder))] = data
    return files


class Job:
    """A small job of its own folder: pictures, a network of 122 weights, a command, and what it begins from."""

    def __init__(self, name: str, work: Path) -> None:
        self.name, self.out, self.start = name, work / "out", None
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
        sys.path.insert(0, str(Path(__file__).resolve().parent))
        _prepare(work)
        options = ["--dataset", "folder", "--data-root", str(work / "photos"), "--arch", "small_network:tiny"]
        run = [
            "run", *options, "--split", "test", "--weights", str(work / "tiny.safetensors"), "--methods", "gradcam",
            "--steps", "2",
            "--batch-size", "2", "--workers", "0", "--metrics", "srg_probability,effective_area", "--protocols", "srg",
            "--controls", "none", "--resume", "--out", str(self.out / "run"),
        ]  # fmt: skip
        train = ["train", *options, "--epochs", "2", "--batch-size", "4", "--workers", "0"]
        self.words = {
            "run": run,
            "report": ["report", str(self.out / "run")],
            "train": [*train, "--val-split", "test", "--split", "train", "--out", str(self.out / "mine.safetensors")],
        }[name]
        if name == "report":
            assert call(run, self.out)[0] == 0
            self.start = work / "start"
            shutil.copytree(self.out, self.start)

    def reset(self) -> None:
        """The folder as the first call finds it."""
        shutil.rmtree(self.out, ignore_errors=True)
        if self.start is not None:
            shutil.copytree(self.start, self.out)

    def undisturbed(self) -> tuple[int, dict[str, bytes]]:
        """How many points the command passes, and what it leaves."""
        self.reset()
        code, count, _ = call(self.words, self.out)
        assert code == 0, (self.out.parent / "said").read_text()
        return count, content(self.out)

    def fault(self, number: int, kind: str, expected: dict[str, bytes]) -> tuple[str | None, float]:
        """What is wrong after the command was disturbed and called again, or None; and the seconds it took to end."""
        self.reset()
        code, _, seconds = call(self.words, self.out, number, kind)
        said = (self.out.parent / "said").read_text()
        if code != ("killed" if kind.startswith("killed") else 2) and code != 0:
            return f"ended with {code}: {said}", seconds
        if "Traceback" in said:
            return said, seconds
        again, _, _ = call(self.words, self.out)
        found = content(self.out)
        said = (self.out.parent / "said").read_text()
        if again != 0 and not (self.name == "train" and "exists already" in said):  # and is complete, see below
            return f"the next call ended with {again}: {said}", seconds
        wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        return (f"not as undisturbed: {wrong}" if wrong else None), seconds


def _prepare(work: Path) -> None:
    import numpy as np
    import torch
    from PIL import Image

    import bench.commands.run
    import bench.run.pipeline
    import reports
    from bench.run.plan import known_architectures
    from weights import checkpoint_bytes, fresh_classifier

    torch.set_num_threads(1)
    for place, name in enumerate(("cat/1", "dog/1", "cat/2", "dog/2")):
        for split in ("train", "test"):
            path = work / "photos" / split / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(place).integers(0, 255, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    architectures = known_architectures("small_network:tiny")
    network = fresh_classifier("small_network:tiny", device=torch.device("cpu"), architectures=architectures)
    (work / "tiny.safetensors").write_bytes(checkpoint_bytes(network, {"name": "tiny"}))
    figures = reports._figures
    reports._figures = lambda *arguments: _first(figures(*arguments))
    bench.run.pipeline.render = lambda folder: folder
    bench.commands.run.print_result = lambda folder: None


def _first(figures: Iterator[Any]) -> Iterator[Any]:
    """One figure is like the others."""
    yield next(figures)


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cambench-faults-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def sweep(name: str, most: int, seed: int) -> dict[str, Any]:
    """Disturbs so many points of a job, or all there are; a point is a number and a kind."""
    with folder() as work:
        job = Job(name, work)
        count, expected = job.undisturbed()
        points = [(number, kind) for number in range(1, count + 1) for kind in KINDS]
        chosen = random.Random(seed).sample(points, min(most, len(points)))
        wrong, slowest = {}, 0.0
        for number, kind in chosen:
            fault, seconds = job.fault(number, kind, expected)
            slowest = max(slowest, seconds)
            if fault is not None:
                wrong[f"{number} {kind}"] = fault
    return {"job": name, "points": len(points), "tried": len(chosen), "slowest": round(slowest, 2), "wrong": wrong}


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        job, _, count = argument.partition("=")
        print(json.dumps(sweep(job, int(count), int(sys.argv[1]))), flush=True)
