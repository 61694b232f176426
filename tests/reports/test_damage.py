"""Damaged and edited run directories: every command ends well or in one line, never in a traceback."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import reports
import reports.pages.history
from bench.cli import main
from reports import Run
from reports.errors import ReportError
from tests.fuzz.rundirs import copy_of, file_damages, files_of, manifest_edits, table_edits, write_manifest

FUZZ = float(os.environ.get("CAMBENCH_FUZZ", "1"))
INPUTS = ("scores", "curves", "localisation", "images")
COMMANDS = ("report", "compare", "pool", "across", "history")


@pytest.fixture(scope="module")
def whole(write_run, tmp_path_factory):
    """A small finished run with every file that a run may have."""
    folder = write_run(
        tmp_path_factory.mktemp("whole") / "night", {f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(4)}
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["dataset"]["fingerprint"] = "f"
    manifest |= {"git": {"revision": "r", "dirty": False}, "versions": {"torch": "2"}, "device": {"name": "cpu"}}
    manifest |= {"timings": {"load": 1.0, "total": 2.0}, "left_out": {"HEIC": 1}, "undefined_maps": {"m": {"l": 1}}}
    manifest["dataset"] |= {"notes": ["odd"]}
    manifest |= {"code": "0" * 64, "batch_size": 2, "ranks": 1, "peak_memory_mb": 9.5}
    manifest["checkpoint"] |= {"warnings": ["odd"], "preprocess": {"resize": 32}, "sha256": "a"}
    (folder / "verdict.json").write_text(json.dumps({"passed": True, "culprits": [], "note": "", "state": "passed"}))
    write_manifest(folder, manifest)
    info = {"stage": "maps", "method": "gradcam", "classes": 2, "batch": 32, "images": 32, "peak_memory_mb": 9}
    entry = {"extra_info": info | {"reference_seconds": [0.1, 0.1]}, "stats": {"data": [0.2, 0.3]}}
    (folder / "latency.json").write_text(json.dumps({"benchmarks": [entry]}))
    reports.render(folder)
    return folder


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take nearly all of a report's time; what they are drawn from is read and checked all the same."""
    if FUZZ <= 1:
        for module in (reports, reports.pages.history):
            monkeypatch.setattr(module, "_figures", lambda *_: iter(()))


def words(command: str, folder, whole, out) -> list[str]:
    arguments = {
        "report": [folder],
        "compare": [folder, whole, "--out", out],
        "pool": [whole, folder, "--out", out],
        "across": [whole, folder, "--out", out],
        "history": [folder.parent],
    }[command]
    return [command, *map(str, arguments)]


def check(capsys, command: str, folder, whole, out, what: str) -> int:
    """Runs a command on a damaged run: 0, or 2 and one line."""
    code = main(words(command, folder, whole, out))
    said = capsys.readouterr().err.splitlines()
    assert code in (0, 2) or (code == 3 and command == "compare"), (what, command, code, said)  # 3: another job now
    assert len([line for line in said if line.startswith("cambench: ")]) == (code != 0), (what, command, said)
    return min(code, 2)


def sampled(cases: list, share: float) -> list:
    """A seeded share of the cases, all of them with CAMBENCH_FUZZ high enough."""
    count = min(len(cases), max(1, round(share * FUZZ * len(cases))))
    return [cases[place] for place in sorted(np.random.default_rng(0).choice(len(cases), count, replace=False))]


def test_every_file_damaged_in_every_way(whole, tmp_path, capsys, no_figures):
    damages = file_damages(flips=max(1, round(FUZZ)))
    made = ("report.html", "tables/", "figures/")
    cases = [
        (command, name, damage)
        for name in files_of(whole)
        if not name.startswith(made) or name in ("tables/summary.csv", "tables/latency.csv", "figures/stages.png")
        for damage in damages
        for command in COMMANDS
    ]
    codes = []
    for command, name, damage in sampled(cases, 0.2):
        folder = copy_of(whole, tmp_path / "nights" / "damaged")
        damages[damage](folder / name)
        codes.append(check(capsys, command, folder, whole, tmp_path / "out", f"{name} {damage}"))
    assert {*codes} == {0, 2}


def test_every_field_of_the_manifest(whole, tmp_path, capsys, no_figures):
    folder = copy_of(whole, tmp_path / "nights" / "edited")
    edits = list(manifest_edits(json.loads((whole / "manifest.json").read_text()), values=4))
    codes = []
    for number, (what, manifest) in enumerate(sampled(edits, 0.15)):
        write_manifest(folder, manifest)
        codes.append(check(capsys, COMMANDS[number % len(COMMANDS)], folder, whole, tmp_path / "out", what))
    assert {*codes} == {0, 2}


def test_every_column_of_the_tables(whole, tmp_path, capsys, no_figures):
    edits = []
    for name in INPUTS:
        table = pd.read_parquet(whole / f"{name}.parquet")
        edits += [(name, what, edited) for what, edited in table_edits(table)]
    codes = []
    for number, (name, what, edited) in enumerate(sampled(edits, 0.08)):
        folder = copy_of(whole, tmp_path / "nights" / "edited")
        try:
            edited.to_parquet(folder / f"{name}.parquet")
        except pa.ArrowException:
            continue  # such a column cannot be written
        command = ("report", "report", "pool")[number % 3]
        codes.append(check(capsys, command, folder, whole, tmp_path / "out", f"{name}, {what}"))
    assert {*codes} == {0, 2}


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("scores", lambda t: t.drop(columns="role"), "scores.parquet' has no column 'role'"),
        ("scores", lambda t: t.assign(value="x"), "column 'value' holds large_string, expected double"),
        ("scores", lambda t: t.assign(value=np.inf), "column 'value' holds infinite values"),
        ("scores", lambda t: t.assign(role="left"), "column 'role' is 'left'|column 'role' holds 'left'"),
        ("scores", lambda t: t.assign(role="right"), "column 'role' is 'right' for target .* expected 'wrong'"),
        ("scores", lambda t: t.assign(target="cow"), "column 'target' holds 'cow', which this run does not know"),
        ("scores", lambda t: t.assign(metric="my"), "column 'metric' holds 'my'"),
        ("scores", lambda t: t.iloc[len(t) // 8 :].iloc[::-1].pipe(lambda r: r[r["image_id"] != "0.jpg"]), "holds 3"),
        ("scores", lambda t: pd.concat([t, t.tail(1)]), "holds the row of .* twice"),
        ("images", lambda t: t.assign(jpeg=[b"no"] * len(t)), "column 'jpeg' of image '.*' cannot be read"),
        ("images", lambda t: t.iloc[1:], "images.parquet' holds 3 images, field 'counts.scored' .* says 4"),
        ("images", lambda t: t.assign(image_id=[f"o{i}" for i in range(len(t))]), "column 'image_id' holds 'o"),
        ("images", lambda t: t.assign(probability=[[1.0]] * len(t)), "has not one value per class"),
        ("curves", lambda t: t.assign(probability=[[2.0, 0.0]] * len(t)), "'probability' holds values outside 0 to 1"),
        ("curves", lambda t: t.assign(layer="other"), "curves.parquet', column 'layer' holds 'other'"),
        ("localisation", lambda t: t.assign(foreground=[[-1]] * len(t)), "column 'foreground' holds negative counts"),
    ],
)
def test_the_file_and_the_column_are_named(whole, tmp_path, no_figures, name, change, said):
    folder = copy_of(whole, tmp_path / "run")
    change(pd.read_parquet(folder / f"{name}.parquet")).to_parquet(folder / f"{name}.parquet")
    with pytest.raises(ReportError, match=said):
        reports.render(folder)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("seeds", None, "field 'seeds' is null, expected an object"),
        ("counts", {"images": 4, "scored": 4}, "has no field 'counts.skipped', expected a whole number"),
        ("layers", {"a.b": {"height": 0, "width": 2}}, "field 'layers.a.b.height' is 0, expected a whole number"),
        ("image_size", [32], r"field 'image_size' is \[32\], expected height and width"),
        ("methods", {}, "field 'methods' is {}, expected an object with at least one entry"),
        ("started", 5, "field 'started' is 5, expected text"),
        ("error", {}, "field 'error' is {}, expected text"),
        ("batch_size", [], r"field 'batch_size' is \[\], expected a whole number, 1 or more"),
        ("ranks", 0, "field 'ranks' is 0, expected a whole number, 1 or more"),
        ("code", None, "field 'code' is null, expected a SHA-256, 64 hexadecimal digits"),
        ("code", {"a": 1}, "field 'code' is {.*}, expected a SHA-256"),
        ("peak_memory_mb", -1, "field 'peak_memory_mb' is -1, expected a number, 0 or more"),
        ("config", None, "field 'config' is null, expected an object"),
        ("versions", None, "field 'versions' is null, expected an object"),
        ("versions", {"torch": 2}, "field 'versions.torch' is 2, expected text"),
        ("device", None, "field 'device' is null, expected an object"),
        ("device", {"threads": "two"}, "field 'device.threads' is two, expected a whole number"),
        ("git", None, "field 'git' is null, expected an object"),
        ("git", {"dirty": "yes"}, "field 'git.dirty' is yes, expected true or false"),
    ],
)
def test_the_field_of_the_manifest_is_named(whole, tmp_path, field, value, said):
    folder = copy_of(whole, tmp_path / "run")
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()) | {field: value})
    with pytest.raises(ReportError, match=rf"manifest.json'.* {said}"):
        Run(folder)


def test_what_runs_made_before_it_was_recorded_lack_is_no_error(whole, tmp_path):
    folder = copy_of(whole, tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("error", "batch_size", "ranks", "code", "peak_memory_mb", "config", "versions", "device", "git"):
        del manifest[name]
    write_manifest(folder, manifest)
    assert "code" not in Run(folder).manifest


def test_no_timings_are_no_error(whole, tmp_path):
    folder = copy_of(whole, tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"timings": None}
    write_manifest(folder, manifest)
    assert "timings" not in Run(folder).manifest


def test_foreign_files_do_no_harm(whole, tmp_path, no_figures):
    folder = copy_of(whole, tmp_path / "run")
    for name in ("maps/theirs.safetensors", "maps/notes.txt", "figures/mine.png", "tables/mine.csv", "shards/x/y"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"theirs")
    reports.render(folder)
    assert (folder / "figures" / "mine.png").read_bytes() == b"theirs"
    assert (folder / "tables" / "mine.csv").read_bytes() == b"theirs"


def test_folders_whose_names_look_like_addresses(whole, tmp_path, no_figures):
    for name in ("night:1", "s3:bucket", "a=b", "q?x#y %41"):
        folder = copy_of(whole, tmp_path / name / "run")
        reports.render(folder)
        assert set(Run(folder).scores.columns) == set(pd.read_parquet(whole / "scores.parquet").columns)


def test_old_times_go_with_the_file_they_came_from(whole, tmp_path):
    folder = copy_of(whole, tmp_path / "run")
    shutil.copy(folder / "figures" / "pareto.png", folder / "figures" / "pareto-of-mine.png")
    assert (folder / "tables" / "latency.csv").exists()
    (folder / "latency.json").unlink()
    reports.render(folder)
    left = {path.stem for path in (folder / "figures").iterdir()}
    assert "pareto-of-mine" in left
    assert not left & {"latency", "pareto"}
    assert not list((folder / "tables").glob("latency.*"))
    assert "stages" in left


@pytest.mark.parametrize("name", ["manifest.json", "scores.parquet", "images.parquet", "skipped.csv", "latency.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(name, whole, tmp_path, capsys, no_figures):
    folder = copy_of(whole, tmp_path / "night")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert main(["report", str(folder)]) == 2
    assert folder.name in capsys.readouterr().err
