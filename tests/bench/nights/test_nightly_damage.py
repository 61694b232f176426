"""Folders of nights as strangers leave them: damaged, in the way, killed at any write, named by anybody."""

import json
import os
import shutil
import time
from pathlib import Path
from xml.etree import ElementTree

import filelock
import pytest

import bench.nights.nightly
import bench.run.pipeline
from bench.cli import main
from reports import Run
from reports.files import write_table
from reports.tables.summary import summary

NAMES = ["2026-01-01T020000", "2026-01-02T020000", "2026-01-03T020000", "2026-01-04T020000"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_night):
    """A run, with the table that nights are read from."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "run.toml").write_text(small_night)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bench.run.pipeline, "render", lambda out: write_table(out / "tables", "summary", summary(Run(out)))
        )
        patch.setattr("reports.summary_text", lambda *_, **__: "")
        assert main(["run", "--config", str(folder / "run.toml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def night(finished, tmp_path, monkeypatch):
    """One night after the other; what a run would write is copied."""
    names = iter(NAMES)
    monkeypatch.setattr(bench.nights.nightly, "_name", lambda: next(names))
    monkeypatch.setattr(
        bench.nights.nightly, "run", lambda config: shutil.copytree(finished, config.out, dirs_exist_ok=True)
    )
    monkeypatch.setattr("reports.pages.history._figures", lambda *_: [])

    def call(root: Path = tmp_path / "nights", *options: str) -> int:
        run = finished.with_name("run.toml")
        return main(["nightly", "--run", str(run), "--root", str(root), "--timing", "none", *options])

    return call


@pytest.fixture
def root(tmp_path):
    return tmp_path / "nights"


def verdict(root: Path, name: str) -> dict:
    return json.loads((root / name / "verdict.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("part", ["manifest.json", "verdict.json", "scores.parquet", "tables/summary.csv"])
@pytest.mark.parametrize("damage", [b"", b"\x00\xff" * 40, b'{"passed": '], ids=["empty", "binary", "cut"])
def test_a_damaged_night_does_not_stop_tonights(night, root, capsys, part, damage):
    assert [night(), night()] == [0, 0]
    (root / NAMES[1] / part).write_bytes(damage)
    assert night() == 0
    assert verdict(root, NAMES[2])["compared_with"] == NAMES[0]
    lines = [line for line in capsys.readouterr().err.splitlines() if f"night {NAMES[1]} is left out: " in line]
    assert len(lines) == 1


def test_damaged_nights_alone_are_no_new_beginning(night, root, capsys):
    assert night() == 0
    (root / NAMES[0] / "scores.parquet").write_bytes(b"")
    assert night() == 3
    assert verdict(root, NAMES[1])["state"] == "not comparable"
    assert f"cambench: NOT COMPARABLE: night {NAMES[0]} is left out" in capsys.readouterr().err


def test_a_verdict_that_cannot_be_read_is_no_new_beginning(night, root):
    assert night() == 0
    (root / NAMES[0] / "verdict.json").write_text("{")
    assert night() == 3


def test_two_at_once(night, root, capsys):
    root.mkdir()
    with filelock.FileLock(root / ".lock"):
        assert night() == 2
    assert capsys.readouterr().err == f"cambench: another nightly is writing to '{root}'; wait until it ends\n"


def test_a_clock_that_was_set_back(night, root, monkeypatch):
    assert [night(), night()] == [0, 0]
    monkeypatch.setattr(bench.nights.nightly, "_name", lambda: NAMES[0])
    assert night() == 0
    assert verdict(root, "2026-01-02T020001")["compared_with"] == NAMES[1]
    (root / "logs" / "notes of mine.log").write_text("mine")
    assert night() == 0
    assert verdict(root, "2026-01-02T020002")["compared_with"] == "2026-01-02T020001"


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_latest_of_somebody_else_stays(night, root, capsys, kind):
    mine = root / "latest" / "mine.txt" if kind == "folder" else root / "latest"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert night() == 0
    assert mine.read_text() == "mine"
    assert "latest' is no link that a night made; it is left as it is" in capsys.readouterr().err


def test_without_links_latest_is_a_text(night, root, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", no_links)
        assert [night(), night()] == [0, 0]
    assert (root / "latest").read_text() == f"{NAMES[1]}\n"
    assert main(["accept", str(root / "latest"), "--why", "it is right"]) == 0
    assert (root / NAMES[1] / "accepted.json").exists()
    assert night() == 0
    assert (root / "latest").resolve() == root / NAMES[2]


def test_pruning_leaves_what_is_not_ours(night, root, tmp_path):
    assert [night(), night()] == [0, 0]
    old, elsewhere = root / NAMES[0], tmp_path / "elsewhere"
    shutil.copytree(old / "maps", elsewhere)  # the same files, so that the night is whole; they are not the night's
    shutil.rmtree(old / "maps")
    (old / "maps").symlink_to(elsewhere)
    (old / "figures").mkdir()
    for name in ("mine.txt", "gallery.png"):
        (old / "figures" / name).write_text("")
    shutil.copytree(old, root / "mine", symlinks=True)
    assert night(root, "--keep", "1") == 0
    assert not (old / "curves.parquet").exists()
    assert [path.name for path in (old / "figures").iterdir()] == ["mine.txt"]
    assert (elsewhere / "shard-00000.safetensors").exists()
    assert (root / "mine" / "curves.parquet").exists()
    assert (root / NAMES[2] / "maps").is_dir()


@pytest.mark.parametrize("name", [b"night:1", b"<b>$x_$ `*_|", b"caf\xe9", "\u202egnp".encode(), b"a\nb"])
def test_any_root(night, root, name, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    root = Path(os.fsdecode(os.fsencode(root.parent) + b"/" + name))
    assert [night(root), night(root)] == [0, 0]
    assert (root / "latest").resolve().name == NAMES[1]
    assert (root / "history" / "history.html").exists()
    (root / NAMES[0] / "scores.parquet").unlink()
    (root / NAMES[1] / "scores.parquet").unlink()
    assert night(root) == 3
    ElementTree.parse(root / NAMES[2] / "junit.xml")
    assert len(capsys.readouterr().err.splitlines()[-1]) > 20
    (root / NAMES[2] / "summary.md").read_text(encoding="utf-8")
    assert (tmp_path / "step.md").read_text(encoding="utf-8").count("## cambench") == 3


EVIL = "<script>alert(1)</script> ``` $x$ | \u202e \x1b[31m \x00 \ud800\n# heading"


def test_a_users_failing_method_is_one_line_and_its_text_is_text(night, root, capsys, monkeypatch):
    def fail(_: object) -> None:
        raise RuntimeError(EVIL)

    with monkeypatch.context() as patch:
        patch.setattr(bench.nights.nightly, "run", fail)
        assert night() == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"cambench: night {NAMES[0]} could not be finished: RuntimeError: <script>")
    assert "Traceback" in (root / "logs" / f"{NAMES[0]}.log").read_text(encoding="utf-8")
    assert (verdict(root, NAMES[0])["state"], verdict(root, NAMES[0])["passed"]) == ("failed", False)
    error = ElementTree.parse(root / NAMES[0] / "junit.xml").getroot().find("testcase/error")
    message = error.get("message")
    assert message.startswith("FAILED: it could not be finished: RuntimeError: <script>alert(1)</script>")
    assert not set("\u202e\x1b\x00") & set(message)
    lines = (root / NAMES[0] / "summary.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(r"## cambench FAILED: it could not be finished: RuntimeError: \<script\>")  # no HTML
    assert "```" not in lines[0].replace(r"\`", "")  # nor a fence
    assert not any(line.startswith("# heading") for line in lines)
    assert night() == 0
    assert verdict(root, NAMES[1])["state"] == "first"
    assert f"night {NAMES[0]} is left out: it could not be finished" in capsys.readouterr().err


def test_a_step_summary_that_cannot_be_written_changes_no_verdict(night, root, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(root))
    assert night() == 0
    assert "the step summary" in capsys.readouterr().err


def test_what_cannot_be_accepted(night, root, capsys, finished):
    assert night() == 0
    for folder, reason, said in (
        (root / NAMES[0], " ", "why is empty"),
        (root / "none", "x", "is not there; give the folder of a night"),
        (root, "x", "cannot be accepted: "),
        (finished, "x", "has no verdict"),
    ):
        assert main(["accept", str(folder), "--why", reason]) == 2
        assert said in capsys.readouterr().err


def test_a_failing_night_ends_every_process_and_says_why(finished, tmp_path, monkeypatch, forked):
    """The real command with a process that decodes, and a method that fails on the second batch."""
    (tmp_path / "mine.py").write_text(
        "calls = []\ndef late(activations, gradients):\n    calls.append(1)\n    if len(calls) > 2:\n"
        "        raise RuntimeError('no more')\n    return activations.sum(1, keepdim=True).expand(-1, 2, -1, -1)\n"
    )
    text = finished.with_name("run.toml").read_text().replace("workers = 0", "workers = 1\nbatch-size = 1")
    (tmp_path / "run.toml").write_text(text + 'methods = ["mine:late"]\n')
    monkeypatch.chdir(tmp_path)
    process = forked(["nightly", "--run", "run.toml", "--root", "nights", "--timing", "none"])
    said = process.communicate()[1]  # ends when nobody holds the pipe any more
    assert process.returncode == 2, said
    assert "no more" in said.splitlines()[-1]
    assert "Traceback" not in said
    wait_until_nobody_is_left(process.pid)
    folder = next((tmp_path / "nights").glob("20*"))
    assert verdict(folder.parent, folder.name)["state"] == "failed"
    assert "no more" in verdict(folder.parent, folder.name)["error"]


def wait_until_nobody_is_left(session: int, patience: float = 60.0) -> None:
    """The helpers of multiprocessing end when they notice that nobody needs them."""

    def of(stat: Path) -> int:
        try:
            return int(stat.read_text(errors="replace").rpartition(")")[2].split()[3])
        except OSError:
            return 0

    ended = time.monotonic() + patience
    while left := [path for path in Path("/proc").glob("[0-9]*/stat") if of(path) == session]:
        assert time.monotonic() < ended, left
        time.sleep(0.1)


def test_a_quiet_night_is_silent_until_one_fails(night, root, capsys, monkeypatch):
    assert [night(root, "--quiet"), night(root, "--quiet")] == [0, 0]
    (root / NAMES[0] / "manifest.json").write_bytes(b"")  # what is wrong with an old night is in the log
    assert night(root, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    log = (root / "logs" / f"{NAMES[2]}.log").read_text(encoding="utf-8")
    assert f"night {NAMES[0]} is left out" in log
    assert "passed: nothing else changed" in log

    def fail(_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(bench.nights.nightly, "run", fail)
    assert night(root, "--quiet") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"cambench: night {NAMES[3]} could not be finished: RuntimeError: no")
