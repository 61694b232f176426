"""A shard on disk: a folder that appears by one rename and says what belongs into it."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq

from bench.engine.tables import SCHEMAS, WORKING, ShardTables
from datasets import Skipped
from reports.files import scratch_name

CONTENTS, MAPS, SKIPPED, UNDEFINED = "contents.json", "maps.safetensors", "skipped.json", "undefined.json"
FILES = (*(f"{name}.parquet" for name in (*SCHEMAS, *WORKING)), MAPS, SKIPPED, UNDEFINED, CONTENTS)


def shard_folder(shards: Path, number: int) -> Path:
    """Where a shard is."""
    return shards / f"{number:05d}"


def write_shard(shards: Path, number: int, run: str, shard: ShardTables) -> None:
    """Writes one shard; it exists completely or not at all.

    Args:
        shards: folder of all.
        number: of this one.
        run: what the run is, so that a shard of another one is known.
        shard: the content.
    """
    target = shard_folder(shards, number)
    scratch = shards / scratch_name(target.name)
    scratch.mkdir()
    try:
        for name, table in shard.tables.items():
            with (scratch / f"{name}.parquet").open("xb") as file:
                pq.write_table(table, file)
        if shard.maps:
            (scratch / MAPS).write_bytes(shard.maps)
        skipped = [(entry.path, entry.reason) for entry in shard.skipped]
        (scratch / SKIPPED).write_text(json.dumps(skipped), encoding="utf-8")
        undefined = [[*key, count] for key, count in shard.undefined.items()]
        (scratch / UNDEFINED).write_text(json.dumps(undefined), encoding="utf-8")
        files = {path.name: _hash(path) for path in sorted(scratch.iterdir())}
        contents = {"run": run, "shard": number, "files": files}
        (scratch / CONTENTS).write_text(json.dumps(contents), encoding="utf-8")
        for path in scratch.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fault(folder: Path, number: int, run: str) -> str | None:
    """Why a folder is not the whole shard of that number and run; None where it is."""
    try:
        contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        if (contents["run"], contents["shard"]) != (run, number):
            return "it is a shard of another run"
        for name, expected in contents["files"].items():
            if not (folder / name).is_file():
                return f"'{name}' is missing"
            if name not in FILES or _hash(folder / name) != expected:
                return f"'{name}' is damaged"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its '{CONTENTS}' cannot be read"
    return None


def read_skipped(folder: Path) -> list[Skipped]:
    """What the shard skipped."""
    entries = json.loads((folder / SKIPPED).read_text(encoding="utf-8"))
    return [Skipped(path, reason) for path, reason in entries]


def read_undefined(folder: Path) -> list[tuple[str, str, int]]:
    """Method, layer, and how many of the shard's maps are not finite."""
    entries = json.loads((folder / UNDEFINED).read_text(encoding="utf-8"))
    return [(method, layer, count) for method, layer, count in entries]


def remove_shard(folder: Path) -> None:
    """Removes the files of a shard, and its folder unless something else is in it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # something else is in it
        folder.rmdir()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
