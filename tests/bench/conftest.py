"""Runs of the real command on real photographs, shared by the tests that look at them."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main


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
    """Six pets, both methods and layers, all metrics; eight steps."""
    out = tmp_path_factory.mktemp("runs") / "pets"
    code = cambench(
        "run", "--dataset", "oxford-iiit-pet", "--data-root", shared / "data", "--split", "test", "--limit", 6,
        "--weights", "full", "--layers", "features.11,features.12", "--steps", 8, "--targets", "right,wrong",
        "--batch-size", 4, "--workers", 0, "--out", out,
    )  # fmt: skip
    assert code == 0
    return out


@pytest.fixture(scope="session")
def lab(shared: Path, cambench, tmp_path_factory) -> Path:
    """The three pictures of the lab."""
    out = tmp_path_factory.mktemp("runs") / "lab"
    arguments = ("run", "--dataset", "files", "--data-root", shared / "data" / "lab", "--weights", "full")
    assert cambench(*arguments, "--steps", 4, "--workers", 0, "--out", out) == 0
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
