"""Runs of the real command on real photographs, shared by the tests that look at them."""

import importlib.util
import json
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench.nights.nightly
import bench.run.manifest
import bench.run.pipeline
from bench.cli import main
from reports import Run
from reports.files import write_table
from reports.runs.latency import latency_table
from reports.tables.summary import summary

FAST = (
    "run", "--dataset", "synthetic", "--limit", "2", "--weights", "catdog-scenes", "--protocols", "none", "--controls",
    "none", "--metrics", "empty", "--workers", "0",
)  # fmt: skip


@pytest.fixture(scope="session")
def cambench(shared: Path) -> Callable[..., int]:
    """The command line, in this process; `narrow` and `full` stand for the two real checkpoints."""
    weights = {"narrow": "alexnet-narrow-catdog.pth", "full": "alexnet-catdog.pth"}

    def call(*arguments: object) -> int:
        words = [str(word) for word in arguments]
        if "--weights" in words:
            place = words.index("--weights") + 1
            words[place] = str(shared / "weights" / weights[words[place]]) if words[place] in weights else words[place]
        return main(words)

    return call


@pytest.fixture(scope="session")
def forked() -> type:
    """`Forked` of forked.py: a process of its own for the command, without the seconds that imports take."""
    spec = importlib.util.spec_from_file_location("forked", Path(__file__).with_name("forked.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Forked


@pytest.fixture(scope="session")
def pets(shared: Path, cambench, tmp_path_factory) -> Path:
    """Four pets, both methods and layers, all metrics; four steps. The report is drawn without a model."""
    out = tmp_path_factory.mktemp("runs") / "pets"
    code = cambench(
        "run", "--dataset", "oxford-iiit-pet", "--data-root", shared / "data", "--split", "test", "--limit", 4,
        "--weights", "full", "--layers", "features.11,features.12", "--steps", 4, "--targets", "right,wrong",
        "--batch-size", 3, "--workers", 0, "--no-report", "--out", out,
    )  # fmt: skip
    assert code == 0
    with pytest.MonkeyPatch.context() as patch:
        for module in ("weights", "weights.loading", "bench.run.plan"):
            patch.setattr(f"{module}.load_classifier", lambda *_, **__: pytest.fail("loaded a model"), raising=False)
        assert cambench("report", out) == 0
    return out


@pytest.fixture(scope="session")
def lab(shared: Path, cambench, tmp_path_factory) -> Path:
    """The three pictures of the lab."""
    out = tmp_path_factory.mktemp("runs") / "lab"
    arguments = ("run", "--dataset", "files", "--data-root", shared / "data" / "lab", "--weights", "full")
    assert cambench(*arguments, "--steps", 4, "--workers", 0, "--no-report", "--out", out) == 0
    return out


def scores(folder: Path) -> pd.DataFrame:
    """scores.parquet by what identifies a value."""
    frame = pd.read_parquet(folder / "scores.parquet")
    return frame.set_index(["image_id", "method", "layer", "target", "metric"]).sort_index()


@pytest.fixture(scope="session")
def read_scores() -> Callable[[Path], pd.DataFrame]:
    return scores


@pytest.fixture(scope="session")
def read_manifest() -> Callable[[Path], dict]:
    return lambda folder: json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


NIGHT = """
dataset = "folder"
data-root = "{root}/data/dogs-vs-cats-200px/val"
limit = {limit}
weights = "{root}/weights/alexnet-narrow-catdog.pth"
protocols = ["srg"]
steps = {steps}
resize = {side}
crop = {side}
controls = "none"
metrics = ["srg_probability", "effective_area"]
workers = 0
"""


@pytest.fixture(scope="session")
def small_night(shared) -> str:
    """Options of a run that is a night's, as small as one can be compared."""
    return NIGHT.format(root=shared, limit=4, steps=2, side=112)


def latency(folder: Path, ratio: float, rounds: int = 60) -> None:
    """A latency.json of the maps, as the benchmarks write it."""
    info = {"stage": "maps", "method": "gradcam", "classes": 2, "batch": 8, "images": 8, "peak_memory_mb": 1}
    info["reference_seconds"] = [0.1] * rounds
    times = [0.1 * ratio * (1 + 0.01 * (i % 3 - 1)) for i in range(rounds)]
    content = {"benchmarks": [{"extra_info": info, "stats": {"data": times}}]}
    (folder / "latency.json").write_text(json.dumps(content))


def tables_alone(folder: Path) -> Path:
    """Of a report what a comparison and a history read: the figures and the page take most of a small night."""
    run = Run(folder)
    write_table(folder / "tables", "summary", summary(run))
    if (folder / "latency.json").exists():
        write_table(folder / "tables", "latency", latency_table(run))
    return folder


class Nights:
    """A folder of nights whose timings are given instead of taken."""

    def __init__(self, folder: Path, shared: Path, patch: pytest.MonkeyPatch) -> None:
        self.run = NIGHT.format(root=shared, limit=6, steps=4, side=160)
        self.root = folder / "nights"
        self.ratios: list[float] = []
        (folder / "run.toml").write_text(self.run)
        (folder / "nightly.toml").write_text(f'run = "{folder / "run.toml"}"\nroot = "{self.root}"\ntiming = "all"\n')
        self.config = folder / "nightly.toml"
        patch.setattr(bench.nights.nightly, "_time", self._time)
        patch.setattr(bench.run.pipeline, "render", lambda folder: folder)  # the one after the timing is enough

    def _time(self, folder: Path, choice: str) -> None:
        assert choice == "all"
        latency(folder, self.ratios.pop(0))
        bench.nights.nightly.render(folder)

    def night(self, *ratios: float) -> int:
        self.ratios = list(ratios)
        code = main(["nightly", "--config", str(self.config)])
        assert not self.ratios
        return code

    def older(self, count: int) -> None:
        """Nights before the first one, with its numbers."""
        for day in range(count):
            copy = self.root / f"2025-12-{31 - day:02d}T020000"
            for name in ("manifest.json", "verdict.json", "scores.parquet", "latency.json", "tables"):
                source = self.folders()[-1] / name
                copy.mkdir(exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)

    def folders(self) -> list[Path]:
        return sorted(path.parent for path in self.root.glob("*/verdict.json") if not path.parent.is_symlink())

    def verdict(self, place: int = -1) -> dict:
        return json.loads((self.folders()[place] / "verdict.json").read_text())


@pytest.fixture(scope="module")
def clock():
    """Names of nights, one after the other."""
    names = iter(f"2026-01-{day:02d}T020000" for day in range(1, 32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.nights.nightly, "_name", lambda: next(names))
        state = {"revision": "r", "dirty": False}  # somebody may commit while the tests run
        patch.setattr(bench.run.manifest, "git_state", lambda: state)
        yield


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, shared, clock):
    """Two nights without change."""
    with pytest.MonkeyPatch.context() as patch:
        nights = Nights(tmp_path_factory.mktemp("quiet"), shared, patch)
        assert nights.night(1.25) == 0
        assert nights.night(1.26) == 0
    return nights


@pytest.fixture
def nights(quiet, shared, tmp_path, monkeypatch, clock):
    """A copy of the two nights, to go on from."""
    more = Nights(tmp_path, shared, monkeypatch)
    for module in (bench.nights.nightly, bench.run.pipeline):
        monkeypatch.setattr(module, "render", tables_alone)
    shutil.copytree(quiet.root, more.root, symlinks=True)
    return more


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the user's in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "mine") -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return name

    return write


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs with options that make it fail before any work; returns the one line."""

    def run(*options: str, words: tuple[str, ...] = FAST) -> str:
        assert main([*words, *options, "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1, said.err
        assert not said.out or (said.out.startswith("scoring ") and said.out.count("\n") == 1)  # the plan
        assert not (tmp_path / "out" / "scores.parquet").exists()
        return said.err

    return run
