"""Every file of a half-finished and of a finished run damaged in turn before `--resume`.

Each call ends in one line, or with the result of an undisturbed run: never in a traceback, never with other numbers.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import reports
from bench.cli import main
from bench.run.store import RunStore
from reports import Run
from tests.fuzz.rundirs import copy_of, file_damages, files_of, wrong_files

FUZZ = float(os.environ.get("CAMBENCH_FUZZ", "1"))
SHARE = 0.1  # of 231 damages; CAMBENCH_FUZZ=10 tries them all
DAMAGES = file_damages(flips=2)


@pytest.fixture(scope="module")
def halfway(small_job):
    """Interrupted where the second of two shards would have been written."""
    work, words = small_job
    write = RunStore.write_shard

    def first_alone(store: RunStore, number: int, shard: object) -> None:
        if number:
            raise KeyboardInterrupt
        write(store, number, shard)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunStore, "write_shard", first_alone)
        assert main([*words, str(work / "halfway")]) == 130
    return work / "halfway"


@pytest.fixture(scope="module")
def unmerged(small_job):
    """Interrupted where the final files would have been made of the shards."""
    work, words = small_job

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunStore, "finish", interrupted)
        assert main([*words, str(work / "unmerged")]) == 130
    return work / "unmerged"


def resumed(small_job, folder: Path, expected: Path, what: str, capsys) -> int:
    """Exit code of the run gone on with, after what it said and left was looked at."""
    capsys.readouterr()
    code = main([*small_job[1], str(folder)])
    said = capsys.readouterr().err
    assert "Traceback" not in said, (what, said)
    if code == 0:
        assert wrong_files(folder, expected, manifest=not what.startswith("manifest.json")) == [], (what, said)
    else:
        lines = [line for line in said.splitlines() if line.startswith("cambench: ")]
        assert (code, len(lines)) == (2, 1), (what, said)
    return code


@pytest.mark.parametrize("state", ["halfway", "unmerged", "undisturbed_job"])
def test_every_file_damaged_before_resume(small_job, undisturbed_job, state, tmp_path, capsys, request):
    start = request.getfixturevalue(state)
    made = ("tables/", "report.html")  # which the report makes anew, whatever lies there
    names = [name for name in files_of(start) if not name.startswith(made)]
    names += [name for name in ("tables/summary.csv", "report.html") if (start / name).exists()]
    cases = [(name, damage) for name in names for damage in DAMAGES]
    count = min(len(cases), round(SHARE * FUZZ * len(cases)))
    chosen = [cases[place] for place in sorted(np.random.default_rng(0).choice(len(cases), count, replace=False))]
    codes = {}
    for name, damage in [("manifest.json", "deleted"), *chosen]:
        folder = copy_of(start, tmp_path / "run")
        DAMAGES[damage](folder / name)
        codes[name, damage] = resumed(small_job, folder, undisturbed_job, f"{name} {damage}", capsys)
    assert {*codes.values()} == {0, 2}
    for (name, damage), code in codes.items():
        if name.startswith(("shards/", "tables/", "report.html")) and damage != "a folder":
            assert code == 0, (name, damage)  # scored or made again
        if name.endswith((".parquet", ".csv", "manifest.json")) and state == "undisturbed_job" and "/" not in name:
            assert code == 2 or name == "manifest.json", (name, damage)


def test_a_flipped_bit_in_any_file_that_holds_numbers_is_noticed(undisturbed_job, tmp_path):
    """Parquet and safetensors hold no checksums of their own: a flipped bit would be another number."""
    listed = json.loads((undisturbed_job / "manifest.json").read_text())["files"]
    assert sorted(listed) == [
        "curves.parquet", "images.parquet", "maps/shard-00000.safetensors", "maps/shard-00001.safetensors",
        "scores.parquet", "skipped.csv",
    ]  # fmt: skip
    for name in listed:
        folder = copy_of(undisturbed_job, tmp_path / "run")
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        run = Run(folder)
        parts = {"curves": "curves", "images": "images", "scores": "scores", "skipped": "skipped", "maps": "maps"}
        part = parts[name.replace("/", ".").partition(".")[0]]
        with pytest.raises(reports.ReportError, match=r"is damaged: it does not hold what the run wrote"):
            getattr(run, part)


def test_another_size_or_a_missing_table_is_noticed_before_anything_is_made(undisturbed_job, tmp_path):
    folder = copy_of(undisturbed_job, tmp_path / "run")
    with (folder / "maps" / "shard-00001.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(reports.ReportError, match=r"shard-00001.safetensors' is damaged: it has \d+ bytes, the run"):
        Run(folder)
    shutil.rmtree(folder)
    (copy_of(undisturbed_job, folder) / "curves.parquet").unlink()
    with pytest.raises(reports.ReportError, match=r"curves.parquet' is missing"):
        reports.render(folder)
