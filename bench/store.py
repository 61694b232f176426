"""The run directory: shards while running, final files when complete, everything by atomic rename."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from bench.engine.tables import SCHEMAS, ShardTables
from bench.errors import ConfigError
from bench.manifest import identity
from datasets import Skipped
from reports.files import write_atomic

MANIFEST = "manifest.json"
LOCK, SCRATCH = ".lock", ".shard-"


class RunStore:
    """One run directory.

    While the run lasts, each finished shard is a folder `shards/00000` that appears by one rename. `finish` turns
    them into the final files; interrupted anywhere, it starts over from the shards.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards = folder / "shards"

    def create(self, manifest: dict[str, Any], *, resume: bool) -> None:
        """Makes the folder, or accepts the one there to resume it.

        Raises:
            ConfigError: it holds something else, another run, or cannot be written.
        """
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            if any(path.name not in (LOCK, self.shards.name) for path in self.folder.iterdir()):
                self._check_resumable(manifest, resume=resume)
            self.shards.mkdir(exist_ok=True)
            if not (self.folder / MANIFEST).exists() or self.manifest()["status"] != "complete":
                self.write_manifest(manifest)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Inside, no other process writes to the folder; the system frees the lock of a process that dies.

        Raises:
            ConfigError: another run is writing to it, or it cannot be written.
        """
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.folder / LOCK, timeout=0)
            try:
                lock.acquire()
            except filelock.Timeout as error:
                raise ConfigError(
                    f"another run is writing to '{self.folder}'; wait until it ends, or choose another --out"
                ) from error
        with lock:
            lock.release()  # of the two locks of one process that the block now holds
            yield

    def manifest(self) -> dict[str, Any]:
        """The manifest as it is on disk."""
        content: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return content

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replaces the manifest."""
        write_atomic(self.folder / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())

    def finished(self) -> set[int]:
        """Numbers of the shards that are on disk."""
        return (
            {int(path.name) for path in self.shards.iterdir() if path.name.isdigit()} if self.shards.exists() else set()
        )

    def write_shard(self, number: int, shard: ShardTables) -> None:
        """Writes one shard; it exists completely or not at all."""
        with temporary_folder(self.folder) as scratch:
            for name, table in shard.tables.items():
                pq.write_table(table, scratch / f"{name}.parquet")
            if shard.maps:
                (scratch / "maps.safetensors").write_bytes(shard.maps)
            skipped = [(entry.path, entry.reason) for entry in shard.skipped]
            (scratch / "skipped.json").write_text(json.dumps(skipped), encoding="utf-8")
            scratch.replace(self.shards / f"{number:05d}")

    def skipped(self) -> list[Skipped]:
        """What the finished shards skipped, in order."""
        lists = [json.loads((path / "skipped.json").read_text(encoding="utf-8")) for path in self._folders()]
        return [Skipped(path, reason) for entries in lists for path, reason in entries]

    def write_skipped(self, skipped: Iterable[Skipped]) -> None:
        """Writes skipped.csv."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["path", "reason"])
        rows.writerows((entry.path, entry.reason) for entry in skipped)
        write_atomic(self.folder / "skipped.csv", text.getvalue().encode())

    def finish(self) -> None:
        """Final files from the shards; one row group per shard, so memory does not grow with their number."""
        folders = self._folders()
        for name, schema in SCHEMAS.items():
            parts = [path for folder in folders if (path := folder / f"{name}.parquet").exists()]
            if parts or name in ("scores", "images"):
                self._merge(parts, self.folder / f"{name}.parquet", schema)
        (self.folder / "maps").mkdir(exist_ok=True)
        for folder in folders:
            if (folder / "maps.safetensors").exists():
                write_atomic(
                    self.folder / "maps" / f"shard-{folder.name}.safetensors",
                    (folder / "maps.safetensors").read_bytes(),
                )

    def drop_shards(self) -> None:
        """Removes the shards, once the manifest says that the run is complete."""
        shutil.rmtree(self.shards, ignore_errors=True)

    def _folders(self) -> list[Path]:
        return [self.shards / f"{number:05d}" for number in sorted(self.finished())]

    def _merge(self, parts: list[Path], target: Path, schema: pa.Schema) -> None:
        scratch = target.with_name(f".{target.name}.tmp")
        with pq.ParquetWriter(scratch, schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part, schema=schema))
        scratch.replace(target)

    def _remove_leftovers(self) -> None:
        """Removes what a killed run was in the middle of writing."""
        for path in self.folder.rglob(".*"):
            if path.name.startswith(SCRATCH) and path.is_dir():
                shutil.rmtree(path)
            elif path.name.endswith(".tmp"):
                path.unlink()

    def _check_resumable(self, manifest: dict[str, Any], *, resume: bool) -> None:
        """Raise unless the folder holds this very run and it may be resumed."""
        if not (self.folder / MANIFEST).exists():
            raise ConfigError(f"out folder '{self.folder}' is not empty and holds no run; choose another --out")
        try:
            old = self.manifest()
            differing = [key for key in identity(manifest) if identity(manifest)[key] != identity(old).get(key)]
            status = old["status"]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ConfigError(
                f"'{self.folder / MANIFEST}' is not a manifest this version can read; choose another --out"
            ) from error
        if not resume:
            raise ConfigError(
                f"out folder '{self.folder}' already holds a run ({status}); choose another --out, or --resume it"
            )
        if differing:
            other = ", ".join(differing)
            raise ConfigError(f"out folder '{self.folder}' holds a run made with other {other}; choose another --out")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"out folder '{folder}' cannot be written: {error.strerror}; choose another --out") from error


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder inside `parent`, to be renamed into place; removed if it still exists on exit."""
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
