"""The same numbers whatever the batch, the workers, an interruption or a repetition."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from bench.process.interrupt import StopRequest
from bench.run import scored

STEPS, IMAGES = 4, 9


def maps_of(folder: Path) -> dict[str, np.ndarray]:
    files = [safetensors.numpy.load_file(path) for path in sorted((folder / "maps").glob("*.safetensors"))]
    return {name: np.concatenate([file[name] for file in files]) for name in files[0]}


@pytest.fixture(scope="module")
def score(shared, cambench, tmp_path_factory):
    """Scores nine photographs and returns the run directory; the report is left out, it has its own tests."""

    def run(*options: object, out: Path | None = None, ends: int = 0) -> Path:
        out = out or tmp_path_factory.mktemp("runs") / "run"
        code = cambench(
            "run", "--dataset", "folder", "--data-root", shared / "data" / "dogs-vs-cats-200px" / "val",
            "--limit", IMAGES, "--weights", "narrow", "--steps", STEPS, "--resize", 112, "--crop", 112,
            "--no-report", "--out", out, *options,
        )  # fmt: skip
        assert code == ends
        return out

    return run


@pytest.fixture(scope="module")
def reference(score) -> Path:
    return score("--batch-size", 4, "--workers", 0)


def identical(one: Path, other: Path) -> None:
    for name in ("scores", "curves", "images"):
        frames = [pd.read_parquet(folder / f"{name}.parquet") for folder in (one, other)]
        pd.testing.assert_frame_equal(*frames)
    theirs = maps_of(other)
    assert all(np.array_equal(maps, theirs[name]) for name, maps in maps_of(one).items())


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_batch_size_moves_maps_by_less_than_1e5_and_areas_by_less_than_2e4(score, reference, read_scores, batch):
    run = score("--batch-size", batch, "--workers", 0)
    theirs = maps_of(reference)
    for name, maps in maps_of(run).items():
        np.testing.assert_allclose(maps, theirs[name], rtol=1e-5, atol=1e-5 * theirs[name].max())
    ours, reference_scores = read_scores(run)["value"], read_scores(reference)["value"]
    assert ours.index.equals(reference_scores.index)
    areas = ours.index.get_level_values("metric").isin(["deletion_auc", "insertion_auc", "srg_probability"])
    np.testing.assert_allclose(ours[areas], reference_scores[areas], atol=2e-4)
    assert areas.sum() == IMAGES * (2 + 2 + 4) * 3  # methods, their negated maps, controls: all are sampled


def test_repeated_runs_and_worker_processes_are_bit_identical(score, reference):
    identical(score("--batch-size", 4, "--workers", 2), reference)


def test_an_interrupted_run_resumes_to_the_same_content(score, reference, monkeypatch, tmp_path):
    original, calls = scored.score_batch, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    out = tmp_path / "run"
    monkeypatch.setattr(scored, "score_batch", interrupted)
    with pytest.raises(AssertionError):  # exit code 130
        score("--batch-size", 4, "--workers", 0, out=out)
    assert [path.name for path in (out / "shards").iterdir()] == ["00000"]
    assert score("--batch-size", 4, "--workers", 0, "--resume", out=out) == out
    assert len(calls) == 4  # three batches, and the one that was interrupted
    identical(out, reference)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_batch_lets_it_end(score, monkeypatch, tmp_path, number):
    original = scored.score_batch

    def interrupted(*arguments):
        os.kill(os.getpid(), number)
        return original(*arguments)

    out = tmp_path / "run"
    monkeypatch.setattr(scored, "score_batch", interrupted)
    with pytest.raises(AssertionError, match="130"):
        score("--batch-size", 4, "--workers", 0, out=out)
    assert [path.name for path in (out / "shards").iterdir()] == ["00000"]


def test_a_second_signal_interrupts_at_once():
    with pytest.raises(KeyboardInterrupt), StopRequest():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_failed_run_says_so_and_resumes(score, reference, monkeypatch, tmp_path, read_manifest):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(scored, "score_batch", lambda *_: 1 / 0)
        score("--batch-size", 4, "--workers", 0, out=out, ends=2)
    assert read_manifest(out)["status"] == "failed"
    assert "ZeroDivisionError" in read_manifest(out)["error"]
    score("--batch-size", 4, "--workers", 0, "--resume", out=out)
    assert (read_manifest(out)["status"], read_manifest(out)["error"]) == ("complete", None)
    identical(out, reference)
