"""Small commands to disturb: a run, its report, a night, a training; what they begin from, and what must come of them.

What depends on the clock is counted instead, so that two calls leave the same bytes.
"""

import csv
import itertools
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faults import Faults, Point, call

SCRATCH = re.compile(r"(\.cambench-[0-9a-f]{8})[0-9a-f]{8}")
OWNER = "-owner"
TIMES = ("timings", "peak_memory_mb")  # of a run that was gone on with, they are of its second part
NIGHT = "2026-01-01T020000"

State = dict[str, bytes]


class Job:
    """A small job of its own folder: pictures, a network of 122 weights, a command, and what it begins from."""

    def __init__(self, name: str, work: Path) -> None:
        self.name, self.out, self.start, self.said = name, work / "out", None, work / "said"
        self.forks = name != "nightly"  # whose log is written by a thread
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
        _prepare(work)
        options = ["--dataset", "folder", "--data-root", str(work / "photos"), "--arch", "small_network:tiny"]
        run = [
            "run", *options, "--split", "test", "--weights", str(work / "tiny.safetensors"), "--methods", "gradcam",
            "--steps", "2", "--batch-size", "2", "--workers", "0", "--metrics", "srg_probability,effective_area",
            "--protocols", "srg", "--controls", "none", "--resume", "--out", str(self.out / "run"),
        ]  # fmt: skip
        train = ["train", *options, "--epochs", "2", "--batch-size", "4", "--workers", "0"]
        toml = work / "run.toml"
        nights = ["nightly", "--run", str(toml), "--root", str(self.out), "--timing", "none", "--keep", "1"]
        self.words = {
            "run": run,
            "report": ["report", str(self.out / "run")],
            "nightly": nights,
            "train": [*train, "--val-split", "test", "--split", "train", "--out", str(self.out / "mine.safetensors")],
        }[name]
        if name in ("report", "nightly"):
            self._succeed(run)
        if name == "nightly":
            self._succeed(["report", str(self.out / "run")])
            _copied_nights(Path(self.out / "run").rename(work / "finished"), toml, [*options, *run[7:]])
            self._succeed(nights)  # the first
        if self.out.exists():
            self.start = work / "start"
            shutil.copytree(self.out, self.start, symlinks=True)

    def _succeed(self, words: list[str]) -> None:
        code = call(words, Faults(self.out, None, ""), self.said)[0]
        assert code == 0, self.said.read_text()

    def reset(self, start: Path | None = None) -> None:
        """The folder as the first call finds it, or as it is kept elsewhere."""
        shutil.rmtree(self.out, ignore_errors=True)
        if start or self.start:
            shutil.copytree(start or self.start, self.out, symlinks=True)

    def call(self, faults: Faults | None = None) -> tuple[int | str, int, float, str]:
        """Runs the command: exit code, points passed, seconds, what it said."""
        code, count, seconds = call(self.words, faults or Faults(self.out, None, ""), self.said)
        return code, count, seconds, self.said.read_text()

    def undisturbed(self) -> tuple[int, State]:
        """How many points the command passes, and what it leaves."""
        self.reset()
        code, count, _, said = self.call()
        assert code == 0, said
        return count, content(self.out)

    def disturb(self, point: Point) -> tuple[str | None, float]:
        """What is wrong with how the command ended, or None; and the seconds it took to end."""
        self.reset()
        code, _, seconds, said = self.call(Faults(self.out, *point))
        return ended_wrong(point[1], code, said), seconds

    def again(self, expected: State) -> str | None:
        """What is wrong after the command was called again in the folder as it is, or None."""
        failed = _failed_nights(self.out)
        code, _, _, said = self.call()
        if code != 0 and not (self.name == "train" and "exists already" in said):  # and is complete, see below
            return f"the next call ended with {code}: {said}"
        if "Traceback" in said:
            return said
        if self.name == "nightly":
            wrong = _missing(self.out, failed)
        else:
            found = content(self.out)
            wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        return f"not as undisturbed: {wrong}" if wrong else None


def ended_wrong(kind: str, code: int | str, said: str) -> str | None:
    """What is wrong with how a disturbed command ended, or None."""
    if code not in ("killed" if kind.startswith("killed") else 2, 0):
        return f"ended with {code}: {said}"
    return said if "Traceback" in said else None


def content(folder: Path) -> State:
    """Every file below a folder, without what is a time."""
    files = {}
    for path, data in _everything(folder):
        if path.name == "manifest.json":
            manifest = json.loads(data)
            data = json.dumps({key: value for key, value in manifest.items() if key not in TIMES}).encode()
        files[str(path.relative_to(folder))] = data
    return files


def state(folder: Path) -> State:
    """Every file below a folder as it is; names and tokens that are drawn at random are numbered."""
    files: State = {}
    for path, data in _everything(folder):
        name = SCRATCH.sub(r"\1", str(path.relative_to(folder)))
        while name in files:
            name += "+"
        files[name] = str(len(data)).encode() if name.endswith(OWNER) else data
    return files


def _everything(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            yield path, b"link to " + bytes(path.readlink())
        else:
            yield path, path.read_bytes() if path.is_file() else b"folder"


def _failed_nights(root: Path) -> set[str]:
    """Nights with a verdict that they failed: of a full disk, say."""
    found = set()
    for path in root.glob("20*/verdict.json"):
        if json.loads(path.read_text())["state"] == "failed":
            found.add(path.parent.name)
    return found


def _missing(root: Path, failed: set[str]) -> list[str]:
    """What is not as it should be after two nights or three, some of which may have failed."""
    nights = sorted(path for path in root.iterdir() if path.name.startswith("20"))
    wrong = [str(path) for path in root.rglob("*") if path.name.endswith(".tmp") or SCRATCH.fullmatch(path.name)]
    good = [folder for folder in nights if folder.name not in failed]
    for folder in good:
        if not json.loads((folder / "verdict.json").read_text())["passed"]:
            wrong.append(f"{folder} failed")
        wrong += [str(folder / name) for name in ("summary.md", "junit.xml") if not (folder / name).stat().st_size]
    for folder in good[1:]:
        wrong += [] if (folder / "compare" / "compare_changed.tex").exists() else [f"{folder} is not compared"]
    if nights[-1] not in good or len(good) < 2:
        wrong.append(f"good nights are {good} of {nights}")
    if (root / "latest").resolve() != nights[-1].resolve():
        wrong.append("latest")
    with (root / "history" / "history.csv").open() as file:
        listed = {row["night"] for row in csv.DictReader(file)}
    if not {folder.name for folder in good} <= listed:
        wrong.append(f"the history has {listed}")
    return wrong


def _prepare(work: Path) -> None:
    import numpy as np
    import torch
    from PIL import Image

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
    _stubs()


def _stubs() -> None:
    """One small figure stands for all; a run draws none; what is the same at every call is had once; counted time."""
    import time

    from matplotlib.figure import Figure

    import bench.commands.report
    import bench.commands.run
    import bench.run.manifest
    import bench.run.pipeline
    import reports.pages.history

    reports._figures = lambda *_: iter([("tiny", Figure(figsize=(0.1, 0.1)))])
    reports.pages.history._figures = lambda *_: iter([("tiny", Figure(figsize=(0.1, 0.1)))])
    bench.run.pipeline.render = lambda folder: folder
    for command in (bench.commands.run, bench.commands.report):
        command.print_result = lambda *_, **__: None
    for name in ("versions", "git_state"):
        known = getattr(bench.run.manifest, name)()
        setattr(bench.run.manifest, name, lambda known=known: known)
    bench.run.manifest.now = lambda: "2026-01-01T00:00:00+00:00"
    for module in (bench.run.manifest, bench.run.pipeline):
        module.peak_memory_mb = lambda: 1.0
    count = itertools.count()
    time.perf_counter = lambda: float(next(count))


def _copied_nights(run: Path, toml: Path, options: list[str]) -> None:
    """What a night's run would write is copied, for it is disturbed as `run`; the first name is always the same."""
    import bench.nights.nightly
    from reports.files import remove_scratch

    def copy(config: Any) -> bool:
        for part in (config.out, config.out / "compare"):
            remove_scratch(part)  # as the run does first
        shutil.copytree(run, config.out, dirs_exist_ok=True)
        return True

    bench.nights.nightly.run = copy
    bench.nights.nightly._name = lambda: NIGHT
    pairs = zip(options[::2], options[1::2], strict=False)
    values = {name[2:]: value for name, value in pairs if name in ("--dataset", "--data-root", "--arch", "--weights")}
    toml.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
