"""Folders that are not a run's, by every command that writes one; odd names, no rights, no room."""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from bench.cli import main

RUN = (
    "run", "--dataset", "synthetic", "--limit", "4", "--weights", "catdog-scenes", "--protocols", "none",
    "--batch-size", "2", "--controls", "none", "--metrics", "effective_area", "--workers", "0",
)  # fmt: skip


@pytest.fixture
def light(monkeypatch):
    """Scores, and no report."""
    monkeypatch.setattr("bench.run.pipeline.render", lambda folder: folder)
    monkeypatch.setattr("bench.commands.run.print_result", lambda *_, **__: None)


@pytest.fixture
def foreign(tmp_path) -> Path:
    """A folder as someone may have it."""
    folder = tmp_path / "foreign"
    for name in ("thesis.tex", ".draft.tmp", "figures/.plot.tmp", ".shard-old/a", "maps/x.safetensors", ".lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"mine: {name}")
    return folder


def listing(folder: Path) -> dict[str, tuple]:
    paths = [folder, *sorted(folder.rglob("*"))]
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in paths}


@pytest.mark.parametrize(
    "words",
    [
        (*RUN, "--out"),
        (*RUN, "--resume", "--out"),
        ("report",),
        ("lab", "picture.jpg", "--weights", "catdog-scenes", "--out"),
        ("history",),
        ("compare", ".", "."),
        ("pool", ".", "--out"),
    ],
)
def test_a_foreign_folder_stays_to_the_byte_and_the_second(words, foreign, tmp_path, monkeypatch, capsys, light):
    monkeypatch.chdir(tmp_path)
    before = listing(foreign)
    link = tmp_path / "link"
    link.symlink_to(foreign)
    for out in (foreign, link):
        assert main([*words, *([str(out)] if words[0] != "compare" else ["--out", str(out)])]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert listing(foreign) == before


def test_a_complete_run_that_is_named_again_stays_too(tmp_path, capsys, light):
    out = tmp_path / "run"
    assert main([*RUN, "--out", str(out)]) == 0
    before = listing(out)
    assert main([*RUN, "--out", str(out)]) == 2
    assert "already holds a run (complete)" in capsys.readouterr().err
    assert listing(out) == before
    assert not list(out.rglob(".*"))
    assert main([*RUN, "--out", str(out), "--resume"]) == 0
    assert {k: v for k, v in listing(out).items() if k != str(out)} == {
        k: v for k, v in before.items() if k != str(out)
    }


@pytest.mark.parametrize("name", ["night:1", "caf\udce9", "a b", "-x", "ü\n", "$x^2$"])
def test_odd_names_of_the_folder(tmp_path, monkeypatch, name, light):
    monkeypatch.chdir(tmp_path)
    assert main([*RUN, f"--out={name}"]) == 0
    with (Path(name) / "scores.parquet").open("rb") as file:
        assert len(pd.read_parquet(file)) > 0
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [os.fsencode(name)]


def test_a_picture_that_goes_away_is_skipped_and_the_run_ends(tmp_path, monkeypatch, light, read_manifest):
    photos = tmp_path / "photos"
    for name in ("cat/1", "cat/2", "dog/1", "dog/2"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 40), 50).convert("RGB").save(photos / f"{name}.jpg")
    import bench.run.pipeline

    begin = bench.run.pipeline.first_manifest

    def then_gone(*arguments: object, **named: object) -> dict:
        manifest = begin(*arguments, **named)
        (photos / "dog" / "2.jpg").unlink()
        return manifest

    monkeypatch.setattr(bench.run.pipeline, "first_manifest", then_gone)
    words = [*RUN, "--out", str(tmp_path / "run"), "--data-root", str(photos)]
    words[words.index("synthetic")] = "folder"
    assert main(words) == 0
    assert read_manifest(tmp_path / "run")["counts"] == {"images": 4, "scored": 3, "skipped": 1}
    assert "dog/2.jpg" in (tmp_path / "run" / "skipped.csv").read_text()


def test_a_folder_without_the_right_to_write(tmp_path, capsys, light):
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        assert main([*RUN, "--out", str(tmp_path / "run")]) == 2
        assert main([*RUN, "--out", str(tmp_path)]) == 2
    finally:
        tmp_path.chmod(0o700)
    assert capsys.readouterr().err.count("Permission denied; choose another --out") == 2


def test_a_small_disk_that_is_then_read_only(tmp_path, capsys, light):
    """Room for the start only; with more room the run goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk")
    try:
        words = [*RUN, "--out", str(disk / "run"), "--resume"]
        assert main(words) == 2
        assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert main(words) == 2
        assert capsys.readouterr().err.endswith("cannot be written: Read-only file system; choose another --out\n")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert main(words) == 0
        assert not list((disk / "run").rglob(".*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
