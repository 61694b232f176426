"""The run directory survives interruptions and refuses what does not belong together."""

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from bench.engine.tables import SCHEMAS, ShardTables
from bench.errors import ConfigError
from bench.run.store import RunStore
from datasets import Skipped
from reports.csvfiles import read_csv


def manifest(**config: object) -> dict:
    return {
        "schema_version": 1,
        "status": "running",
        "config": {"steps": 32, "out": "a", "workers": 1, **config},
        "dataset": {"fingerprint": "d"},
        "checkpoint": {"sha256": "w", "preprocess": {}},
        "device": {"type": "cpu", "name": "a processor", "threads": 2},
        "batch_size": 4,
        "versions": {"torch": "2.8"},
        "code": "c",
    }


def opened(folder: Path, content: dict | None = None, count: int = 3) -> RunStore:
    return RunStore(folder, content or manifest(), count)


def shard(number: int) -> ShardTables:
    values = {field.name: [f"{number}"] for field in SCHEMAS["scores"] if field.type == pa.string()}
    scores = pa.table({**values, "value": [float(number)]}, schema=SCHEMAS["scores"])
    return ShardTables({"scores": scores}, b"", (Skipped(f"{number}.jpg", "truncated, line\nbreak"),))


@pytest.fixture
def store(tmp_path):
    new = opened(tmp_path / "deep" / "run")
    with new.locked():
        assert new.create(resume=False) == set()
    return new


def test_shards_become_files_in_their_order_whatever_order_they_came_in(store):
    for number in (2, 0, 1):
        store.write_shard(number, shard(number))
    assert store.finished() == {0, 1, 2}
    store.write_skipped(store.skipped())
    store.finish()
    assert pd.read_parquet(store.folder / "scores.parquet")["value"].tolist() == [0, 1, 2]
    assert pd.read_parquet(store.folder / "images.parquet").empty
    skipped = read_csv(store.folder / "skipped.csv")
    assert skipped["path"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert skipped["reason"].tolist() == ["truncated, line\nbreak"] * 3
    store.drop_shards()
    assert not store.shards.exists()
    assert store.finished() == set()


def test_a_shard_that_fails_half_way_leaves_nothing(store, monkeypatch):
    monkeypatch.setattr("bench.run.shards.json.dumps", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.write_shard(0, shard(0))
    assert store.finished() == set()
    assert sorted(path.name for path in store.folder.iterdir()) == ["manifest.json", "shards"]


def test_finishing_twice_gives_the_same(store):
    store.write_shard(0, shard(0))
    store.finish()
    first = (store.folder / "scores.parquet").read_bytes()
    store.finish()
    assert (store.folder / "scores.parquet").read_bytes() == first


def test_the_same_run_is_resumed_only_when_asked(store):
    with pytest.raises(ConfigError, match=r"already holds a run \(running\); choose another --out, or --resume"):
        opened(store.folder).create(resume=False)
    opened(store.folder, manifest(workers=3, out="b")).create(resume=True)  # where and how fast does not matter


ELSEWHERE = [
    ({"code": "d"}, r"other code \(c, now d\)"),
    ({"versions": {"torch": "2.9"}}, r"other version of torch \(2.8, now 2.9\)"),
    ({"device": {"type": "cpu", "name": "a processor", "threads": 1}}, r"other threads \(2, now 1\)"),
    ({"device": {"type": "cpu", "name": "another", "threads": 2}}, r"other machine \(a processor, now another\)"),
]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": {"steps": 16}}, r"other steps \(32, now 16\);"),
        ({"dataset": {"fingerprint": "e"}}, r"other data \(d, now e\);"),
        ({"checkpoint": {"sha256": "v", "preprocess": {}}}, "other weights"),
        ({"batch_size": 8}, "other effective batch size"),
        ({"device": {"type": "cuda", "name": "a processor", "threads": 2}}, "other device"),
        *ELSEWHERE,
    ],
)
def test_another_run_is_not_resumed(store, change, said):
    other = manifest()
    other = {**other, **change, "config": {**other["config"], **change.get("config", {})}}
    with pytest.raises(ConfigError, match=said):
        opened(store.folder, other).create(resume=True)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": {}}'])
def test_an_unreadable_manifest_is_no_run(store, content):
    (store.folder / "manifest.json").write_text(content)
    with pytest.raises(ConfigError, match="not a manifest this version can read"):
        opened(store.folder).create(resume=True)


def listing(folder: Path) -> dict[str, tuple]:
    """Everything below a folder, with contents and times."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in paths
    }


@pytest.mark.parametrize(
    "names",
    [
        ("thesis.tex",),
        ("notes.tmp", ".draft.tmp", "deep/.draft.tmp", "deep/.shard-mine/x", ".shard-mine/photo"),
        (".lock",),
        ("shards/00000/mine",),
        ("shards",),
        ("deep/.cambench-0123456789abcdef", "mine"),
    ],
)
def test_a_folder_of_something_else_is_left_alone_to_the_byte(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = listing(tmp_path)
    for resume in (True, False):
        with pytest.raises(ConfigError, match=r"is not empty and holds no run|is no folder of this run"):
            opened(tmp_path).check(resume=resume)
    assert listing(tmp_path) == before


def test_what_is_not_a_runs_stays_inside_a_run_too(store):
    mine = ("a.tmp", ".b.tmp", "maps/.c.tmp", "tables/.shard-x/d", "deep/.cambench-0123456789abcdef", "shards/e")
    for name in mine:
        (store.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (store.folder / name).write_text("mine")
    left = (".cambench-0123456789abcdef", "maps/.cambench-0123456789abcdef", "shards/.cambench-0123456789abcdef/x")
    for name in left:
        (store.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (store.folder / name).write_text("half")
    with store.locked():
        store.create(resume=True)
        store.drop_shards()
    assert all((store.folder / name).read_text() == "mine" for name in mine)
    assert not any((store.folder / name).exists() for name in left)


def test_links_are_neither_followed_nor_removed(store, tmp_path):
    elsewhere = tmp_path / "photographs"
    (elsewhere / "00000").mkdir(parents=True)
    (elsewhere / "00000" / "scores.parquet").write_text("mine")
    (elsewhere / ".cambench-0123456789abcdef").write_text("mine")
    (store.folder / "maps").symlink_to(elsewhere)
    (store.folder / ".cambench-aaaaaaaaaaaaaaaa").symlink_to(elsewhere)
    (store.shards / "00000").symlink_to(elsewhere / "00000")
    before = listing(elsewhere)
    store.create(resume=True)
    store.drop_shards()
    (store.folder / "shards").rename(store.folder / "away")
    (store.folder / "shards").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is no folder of this run"):
        opened(store.folder).check(resume=True)
    store.drop_shards()
    assert listing(elsewhere) == before


def test_an_out_that_is_a_file_a_dangling_link_or_read_only(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for name in ("file", "link", "file/below"):
        store = opened(tmp_path / name)
        with pytest.raises(ConfigError, match="cannot be written"), store.locked():
            store.create(resume=False)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_disk_and_a_run_killed_at_once_are_empty(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "shards").mkdir()
    for name in (".cambench-lock", ".cambench-0123456789abcdef"):
        (tmp_path / name).touch()
    store = opened(tmp_path)
    with store.locked():
        store.create(resume=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lost+found", "manifest.json", "shards"]


def test_damaged_and_foreign_shards_are_named_moved_aside_and_scored_again(store, capsys):
    for number in range(3):
        store.write_shard(number, shard(number))
    (store.shards / "00000" / "scores.parquet").unlink()
    damaged = store.shards / "00001" / "scores.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for name in ("99999", "abc", "7", "²"):
        (store.shards / name).mkdir()
    with store.locked():
        assert store.create(resume=True) == {2}
    said = capsys.readouterr().err
    assert "00000' is not used, for 'scores.parquet' is missing; it is now '00000.aside-1'" in said
    assert "00001' is not used, for 'scores.parquet' is damaged" in said
    assert said.count("is no shard of this run; ignored") == 4
    for number in range(2):
        store.write_shard(number, shard(number))
    store.finish()
    assert pd.read_parquet(store.folder / "scores.parquet")["value"].tolist() == [0, 1, 2]
    store.drop_shards()
    left = ["00000.aside-1", "00001.aside-1", "7", "99999", "abc", "²"]
    assert sorted(path.name for path in store.shards.iterdir()) == left


@pytest.mark.parametrize("content", ["", "[]", '{"run": 1}', '{"files": 3}', '{"files": {"../../manifest.json": ""}}'])
def test_a_shard_that_does_not_say_what_it_is_is_not_used(store, content):
    store.write_shard(0, shard(0))
    (store.shards / "00000" / "contents.json").write_text(content)
    assert opened(store.folder).create(resume=True) == set()


def test_a_shard_of_another_run_is_not_used(store, tmp_path, capsys):
    other = opened(tmp_path / "other", manifest(steps=16))
    other.create(resume=False)
    other.write_shard(1, shard(1))
    (other.shards / "00001").rename(store.shards / "00001")
    assert opened(store.folder).create(resume=True) == set()
    assert "it is a shard of another run" in capsys.readouterr().err


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = opened(Path("night:1"))
    store.create(resume=False)
    store.write_shard(0, shard(0))
    store.finish()
    assert sorted(path.name for path in Path("night:1").iterdir())[:2] == ["images.parquet", "manifest.json"]


def test_what_a_run_was_begun_with_stays_in_its_manifest(store):
    store.write_manifest({**store.manifest(), "status": "failed", "error": "E", "started": "then", "git": "first"})
    opened(store.folder, {**manifest(workers=9), "started": "now", "git": "second"}).create(resume=True)
    kept = json.loads((store.folder / "manifest.json").read_text())
    assert (kept["started"], kept["git"], kept["config"]["workers"]) == ("then", "first", 1)
    assert (kept["status"], kept["error"]) == ("running", None)


@pytest.mark.parametrize(("change", "said"), ELSEWHERE)
def test_a_complete_run_may_be_shown_again_by_other_code(store, change, said, capsys):
    done = {**manifest(), "status": "complete", "finished": "then"}
    store.write_manifest(done)
    assert opened(store.folder, {**manifest(), **change}).create(resume=True) == {0, 1, 2}
    assert store.manifest() == done
    line = capsys.readouterr().err
    assert re.search(f"was made with {said}; its scores stay as they are", line)
    assert line.count("\n") == 1


def test_a_complete_run_keeps_its_manifest(store):
    done = {**manifest(), "status": "complete", "finished": "then"}
    store.write_manifest(done)
    opened(store.folder).create(resume=True)
    assert json.loads((store.folder / "manifest.json").read_text()) == done
