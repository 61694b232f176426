"""Every file of a half-finished and of a finished run damaged in turn before `--resume`.

Each call ends in one line, or with the result of an undisturbed run: never in a traceback, never with other numbers.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import bench.run.pipeline
import reports
from bench.cli import main
from bench.run.plan import known_architectures
from bench.run.store import RunStore
from reports import Run
from tests.fuzz.rundirs import copy_of, file_damages, files_of
from weights import checkpoint_bytes, fresh_classifier

FUZZ = float(os.environ.get("CAMBENCH_FUZZ", "1"))
SHARE = 0.1  # of 231 damages; CAMBENCH_FUZZ=10 tries them all
DAMAGES = file_damages(flips=2)
FREE = ("timings", "peak_memory_mb", "started", "finished")  # of a manifest: what differs between two equal runs


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder of a job on four pictures with a network of 122 weights, and the words that run it into a folder."""
    work = tmp_path_factory.mktemp("job")
    for place, name in enumerate(("cat/1", "dog/1", "cat/2", "dog/2")):
        path = work / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(place).integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "fuzz")
        patch.setattr(reports, "_figures", lambda *_: iter(()))
        patch.setattr("bench.commands.run.print_result", lambda _: None)
        versions, state = bench.run.manifest.versions(), bench.run.manifest.git_state()
        patch.setattr(bench.run.manifest, "versions", lambda: versions)
        patch.setattr(bench.run.manifest, "git_state", lambda: state)
        known = known_architectures("small_network:tiny")
        network = fresh_classifier("small_network:tiny", device=torch.device("cpu"), architectures=known)
        (work / "tiny.safetensors").write_bytes(checkpoint_bytes(network, {"name": "tiny"}))
        words = [
            "run", "--dataset", "folder", "--data-root", str(work / "photos"), "--arch", "small_network:tiny",
            "--weights", str(work / "tiny.safetensors"), "--methods", "gradcam", "--steps", "2", "--batch-size", "2",
            "--workers", "0", "--metrics", "srg_probability,effective_area", "--protocols", "srg", "--controls", "none",
            "--resume", "--out",
        ]  # fmt: skip
        yield work, words


@pytest.fixture(scope="module")
def undisturbed(job):
    work, words = job
    assert main([*words, str(work / "undisturbed")]) == 0
    return work / "undisturbed"


@pytest.fixture(scope="module")
def halfway(job):
    """Interrupted where the second of two shards would have been written."""
    work, words = job
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
def unmerged(job):
    """Interrupted where the final files would have been made of the shards."""
    work, words = job

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunStore, "finish", interrupted)
        assert main([*words, str(work / "unmerged")]) == 130
    return work / "unmerged"


def wrong(folder: Path, expected: Path, *, manifest: bool) -> list[str]:
    """Files of the undisturbed run that a folder has not, or has otherwise; of the manifest what is no time."""
    found = []
    for name in files_of(expected):
        ours, theirs = folder / name, expected / name
        if name == "manifest.json":
            kept = [{k: v for k, v in json.loads(p.read_text()).items() if k not in FREE} for p in (ours, theirs)]
            for fields in kept if manifest else ():
                del fields["config"]["out"]
            if manifest and kept[0] != kept[1]:
                found.append(name)
        elif name != "report.html" and (not ours.is_file() or ours.read_bytes() != theirs.read_bytes()):
            found.append(name)
    return found


def resumed(job, folder: Path, expected: Path, what: str, capsys) -> int:
    """Exit code of the run gone on with, after what it said and left was looked at."""
    capsys.readouterr()
    code = main([*job[1], str(folder)])
    said = capsys.readouterr().err
    assert "Traceback" not in said, (what, said)
    if code == 0:
        assert wrong(folder, expected, manifest=not what.startswith("manifest.json")) == [], (what, said)
    else:
        lines = [line for line in said.splitlines() if line.startswith("cambench: ")]
        assert (code, len(lines)) == (2, 1), (what, said)
    return code


@pytest.mark.parametrize("state", ["halfway", "unmerged", "undisturbed"])
def test_every_file_damaged_before_resume(job, undisturbed, state, tmp_path, capsys, request):
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
        codes[name, damage] = resumed(job, folder, undisturbed, f"{name} {damage}", capsys)
    assert {*codes.values()} == {0, 2}
    for (name, damage), code in codes.items():
        if name.startswith(("shards/", "tables/", "report.html")) and damage != "a folder":
            assert code == 0, (name, damage)  # scored or made again
        if name.endswith((".parquet", ".csv", "manifest.json")) and state == "undisturbed" and "/" not in name:
            assert code == 2 or name == "manifest.json", (name, damage)


def test_a_flipped_bit_in_any_file_that_holds_numbers_is_noticed(undisturbed, tmp_path):
    """Parquet and safetensors hold no checksums of their own: a flipped bit would be another number."""
    listed = json.loads((undisturbed / "manifest.json").read_text())["files"]
    assert sorted(listed) == [
        "curves.parquet", "images.parquet", "maps/shard-00000.safetensors", "maps/shard-00001.safetensors",
        "scores.parquet", "skipped.csv",
    ]  # fmt: skip
    for name in listed:
        folder = copy_of(undisturbed, tmp_path / "run")
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        run = Run(folder)
        parts = {"curves": "curves", "images": "images", "scores": "scores", "skipped": "skipped", "maps": "maps"}
        part = parts[name.replace("/", ".").partition(".")[0]]
        with pytest.raises(reports.ReportError, match=r"is damaged: it does not hold what the run wrote"):
            getattr(run, part)


def test_another_size_or_a_missing_table_is_noticed_before_anything_is_made(undisturbed, tmp_path):
    folder = copy_of(undisturbed, tmp_path / "run")
    with (folder / "maps" / "shard-00001.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(reports.ReportError, match=r"shard-00001.safetensors' is damaged: it has \d+ bytes, the run"):
        Run(folder)
    shutil.rmtree(folder)
    (copy_of(undisturbed, folder) / "curves.parquet").unlink()
    with pytest.raises(reports.ReportError, match=r"curves.parquet' is missing"):
        reports.render(folder)
