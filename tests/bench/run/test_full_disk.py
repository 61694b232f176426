"""A disk that fills up in the middle of every kind of write: one clear line, nothing corrupt, resumable."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

RUN = (
    "run", "--dataset", "synthetic", "--limit", "4", "--weights", "catdog-scenes", "--protocols", "srg", "--steps", "2",
    "--batch-size", "2", "--controls", "none", "--metrics", "srg_probability,effective_area", "--workers", "0",
)  # fmt: skip


@pytest.fixture(scope="module")
def call(forked) -> Callable[..., tuple[str, int]]:
    """The real command; a file that grows beyond the limit fails as on a full disk. What it says, and its exit code."""

    def run(out: Path, bytes_per_file: int | None = None, *more: str) -> tuple[str, int]:
        process = forked([*RUN, "--out", str(out), *more], bytes_per_file)
        return process.communicate()[1], process.returncode

    return run


@pytest.fixture(scope="module")
def whole(call, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert call(out)[1] == 0
    return out


def sizes(whole: Path) -> dict[str, int]:
    """A limit that stops the write of each kind, and lets those before it pass."""
    pictures = (whole / "images.parquet").stat().st_size  # of all shards; each has half of it
    largest = {
        "manifest": 100,
        "shard": pictures // 4,
        "final file": pictures - 1,
        "figure": pictures + 10_000,
        "page": (whole / "report.html").stat().st_size - 1,
    }
    assert list(largest.values()) == sorted(largest.values())
    return largest


def test_every_kind_of_write_fails_clearly_and_what_is_there_is_whole(call, whole, tmp_path):
    """One run, that gets a little further every time, until there is room."""
    out = tmp_path / "run"
    for kind, limit in sizes(whole).items():
        said, code = call(out, limit, "--resume")
        assert code == 2, (kind, said)
        assert "Traceback" not in said
        assert "File too large" in said.splitlines()[-1]
        for path in out.rglob("*.parquet"):
            pd.read_parquet(path)
        for path in out.rglob("*.json"):
            json.loads(path.read_text())
        assert (out / "manifest.json").exists() == (kind != "manifest")
        assert (out / "images.parquet").exists() == (kind in ("figure", "page"))
        assert not (out / "report.html").exists()
    assert call(out, None, "--resume")[1] == 0
    for name in ("scores", "curves", "images"):
        frames = [pd.read_parquet(folder / f"{name}.parquet") for folder in (out, whole)]
        pd.testing.assert_frame_equal(*frames)
    assert (out / "report.html").exists()
    assert not list(out.rglob(".*"))
