"""The run directory survives interruptions and refuses what does not belong together."""

import json

import pandas as pd
import pyarrow as pa
import pytest

from bench.engine.tables import SCHEMAS, ShardTables
from bench.errors import ConfigError
from bench.store import RunStore
from datasets import Skipped


def manifest(**config: object) -> dict:
    return {
        "schema_version": 1,
        "status": "running",
        "config": {"steps": 32, "out": "a", "workers": 1, **config},
        "dataset": {"fingerprint": "d"},
        "checkpoint": {"sha256": "w", "preprocess": {}},
        "device": {"type": "cpu"},
        "batch_size": 4,
    }


def shard(number: int) -> ShardTables:
    values = {field.name: [f"{number}"] for field in SCHEMAS["scores"] if field.type == pa.string()}
    scores = pa.table({**values, "value": [float(number)]}, schema=SCHEMAS["scores"])
    return ShardTables({"scores": scores}, b"", (Skipped(f"{number}.jpg", "truncated, line\nbreak"),))


@pytest.fixture
def store(tmp_path):
    opened = RunStore(tmp_path / "deep" / "run")
    opened.create(manifest(), resume=False)
    return opened


def test_shards_become_files_in_their_order_whatever_order_they_came_in(store):
    for number in (2, 0, 1):
        store.write_shard(number, shard(number))
    assert store.finished() == {0, 1, 2}
    store.write_skipped(store.skipped())
    store.finish()
    assert pd.read_parquet(store.folder / "scores.parquet")["value"].tolist() == [0, 1, 2]
    assert pd.read_parquet(store.folder / "images.parquet").empty
    skipped = pd.read_csv(store.folder / "skipped.csv")
    assert skipped["path"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert skipped["reason"].tolist() == ["truncated, line\nbreak"] * 3
    store.drop_shards()
    assert not store.shards.exists()
    assert store.finished() == set()


def test_a_shard_that_fails_half_way_leaves_nothing(store, monkeypatch):
    monkeypatch.setattr("bench.store.json.dumps", lambda *_: 1 / 0)
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
        RunStore(store.folder).create(manifest(), resume=False)
    RunStore(store.folder).create(manifest(workers=3, out="b"), resume=True)  # where and how fast does not matter


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": {"steps": 16}}, "other steps"),
        ({"dataset": {"fingerprint": "e"}}, "other data;"),
        ({"checkpoint": {"sha256": "v", "preprocess": {}}}, "other weights;"),
        ({"batch_size": 8}, "other effective batch size"),
        ({"device": {"type": "cuda"}}, "other device"),
    ],
)
def test_another_run_is_not_resumed(store, change, said):
    other = manifest()
    other = {**other, **change, "config": {**other["config"], **change.get("config", {})}}
    with pytest.raises(ConfigError, match=said):
        RunStore(store.folder).create(other, resume=True)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": {}}'])
def test_an_unreadable_manifest_is_no_run(store, content):
    (store.folder / "manifest.json").write_text(content)
    with pytest.raises(ConfigError, match="not a manifest this version can read"):
        RunStore(store.folder).create(manifest(), resume=True)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty and holds no run"):
        RunStore(tmp_path).create(manifest(), resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_complete_run_keeps_its_manifest(store):
    done = {**manifest(), "status": "complete", "finished": "then"}
    store.write_manifest(done)
    RunStore(store.folder).create(manifest(), resume=True)
    assert json.loads((store.folder / "manifest.json").read_text()) == done
