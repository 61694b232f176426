"""0 done, 1 a regression and nothing else, 2 unusable input or a function that fails, 3 not comparable, 130 stopped."""

import json
import re
import shutil

import pytest

import bench.run.pipeline
from bench.cli import main

RUN = (
    "run", "--dataset", "synthetic", "--limit", "2", "--weights", "catdog-scenes", "--protocols", "none", "--controls",
    "none", "--metrics", "empty,effective_area", "--workers", "0", "--no-report",
)  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of two scenes."""
    out = tmp_path_factory.mktemp("codes") / "run"
    assert main([*RUN, "--out", str(out)]) == 0
    return out


def changed(done, folder, change):
    """A copy of the run whose manifest and scores no longer match what it wrote, which its manifest then forgets."""
    shutil.copytree(done, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.pop("files", None)
    change(folder, manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def worse(folder, _manifest) -> None:
    import pandas as pd

    scores = pd.read_parquet(folder / "scores.parquet")
    area = scores["metric"].eq("effective_area")
    scores.assign(value=scores["value"] + 0.1 * area).to_parquet(folder / "scores.parquet")


def test_0_and_one_line_at_the_start(done, capsys, tmp_path):
    assert main([*RUN, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    first = r"scoring 2 images of synthetic with catdog-scenes: gradcam and layercam at \S+, on cpu, into "
    assert re.fullmatch(first + re.escape(str(tmp_path / "run")), said.out.splitlines()[0])
    assert "drawing the report" not in said.out
    assert said.err == ""  # no terminal, and nobody asked


def test_0_of_help_and_version(capsys):
    assert main([]) == 0
    assert "examples:" in capsys.readouterr().out
    for words in (["--help"], ["--version"], ["run", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code in (0, None)
    said = capsys.readouterr().out
    assert "\ncambench 0." in said
    assert "--steps N" in said
    assert "even (default: 32)" in " ".join(said.split())
    assert "other options" not in said  # every option has its group
    assert max(map(len, said.splitlines())) <= 100


def test_1_is_a_regression(done, tmp_path, capsys):
    other = changed(done, tmp_path / "other", worse)
    assert main(["compare", str(done), str(other)]) == 0
    assert main(["compare", str(done), str(other), "--fail-on-regression"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("cambench: FAILED: nothing else changed; 0 worse, 0 better, ")
    assert len(said) <= 6
    assert (other / "compare" / done.name / "compare.md").read_text().startswith("### cambench FAILED: nothing else")
    assert "<section" in (other / "compare" / done.name / "compare.html").read_text()


def test_2_is_a_users_function_that_fails_with_its_last_line_and_its_file(module, capsys, tmp_path):
    module("def broken(raw):\n    raise RuntimeError('no idea')\n", "mine")
    assert main([*RUN, "--metrics", "mine:broken", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "RuntimeError: no idea" in said
    assert "mine.py" in said


def test_2_is_input_that_cannot_be_used(capsys, tmp_path):
    for words in (["nonsense"], ["run", "--nonsense"], ["--quiet"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
    assert main(["run", "--dataset", "foldr", "--weights", "catdog-scenes", "--out", str(tmp_path / "x")]) == 2
    assert main(["report", str(tmp_path)]) == 2


def test_3_is_runs_that_cannot_be_compared(done, tmp_path, capsys):
    def other(_folder, manifest) -> None:
        manifest["image_size"] = [64, 64]
        manifest["seeds"]["run"] = 7

    folder = changed(done, tmp_path / "other", other)
    assert main(["compare", str(done), str(folder)]) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "cambench: NOT COMPARABLE: image size: 224, 224 before, 64, 64 now"
    assert said[1] == "  seeds, run: 0 before, 7 now"
    assert said[2] == f"  '{done}' and '{folder}' are no runs of the same job"


def test_130_is_an_interruption(monkeypatch, tmp_path, capsys):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.run.pipeline, "prepare", stop)
    assert main([*RUN, "--out", str(tmp_path / "run"), "--quiet"]) == 130
    assert "interrupted" in capsys.readouterr().err
