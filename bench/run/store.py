"""The run directory: shards while running, final files when complete, everything by atomic rename."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.engine.tables import SCHEMAS, ShardTables
from bench.errors import ConfigError, OtherRunError
from bench.process.lock import LOCK, only_writer
from bench.run.manifest import differing, identity, origin
from bench.run.shards import MAPS, fault, read_skipped, read_undefined, remove_shard, shard_folder, write_shard
from bench.serialise import digest
from datasets import Skipped
from reports import Run, render
from reports.csvfiles import guarded
from reports.errors import regular
from reports.files import atomic_file, remove_scratch, write_atomic

MANIFEST, SHARDS = "manifest.json", "shards"
PARTS = ("maps", "tables", "figures", "compare")  # folders that are written into
NOTHING = ("lost+found",)  # what an empty disk holds


class RunStore:
    """One run directory.

    While the run lasts, each finished shard is a folder `shards/00000` that appears by one rename. `finish` turns
    them into the final files; interrupted anywhere, it starts over from the shards. Nothing is removed but what a
    run made: its shards, and files under names that only `reports.files.scratch_name` gives.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], count: int) -> None:
        """Opens the directory; touches nothing.

        Args:
            folder: its path.
            manifest: of the run that is about to begin or to go on.
            count: of its shards.
        """
        self.folder, self.count = folder, count
        self.shards = folder / SHARDS
        self._first = manifest
        self._run = digest({**identity(manifest), **origin(manifest)})

    def check(self, *, resume: bool) -> list[str]:
        """Looks, and changes nothing.

        Returns:
            What a complete run that may be resumed was made with that is different now.

        Raises:
            ConfigError: the folder holds something else, another run, or cannot be used.
        """
        with _using(self.folder):
            if not self.folder.exists() and not self.folder.is_symlink():
                return []
            names = [path.name for path in self.folder.iterdir()]
            elsewhere = self._check_resumable(resume=resume) if MANIFEST in names else []
            if MANIFEST not in names and not all(self._is_of_a_beginning(name) for name in names):
                raise ConfigError(f"out folder '{self.folder}' is not empty and holds no run; choose another --out")
            if self.shards.is_symlink() or (SHARDS in names and not self.shards.is_dir()):
                raise ConfigError(f"'{self.shards}' is no folder of this run; move it away, or choose another --out")
            return elsewhere

    def create(self, *, resume: bool) -> set[int]:
        """Makes the directory, or accepts the one there to resume it; what is in it of a run stays as it is.

        Returns:
            Numbers of the shards that need not be scored.

        Raises:
            ConfigError: as for `check`.
        """
        with _using(self.folder):
            elsewhere = self.check(resume=resume)
            for part in (self.folder, self.shards, *(self.folder / name for name in PARTS)):
                remove_scratch(part)
            if not (self.folder / MANIFEST).exists():
                self.write_manifest(self._first)
            elif self.manifest()["status"] == "complete":
                self.drop_shards()  # it may have been killed while it did
                if elsewhere:
                    _say(
                        f"the run in '{self.folder}' was made with other {', '.join(elsewhere)}; its scores stay as "
                        "they are, choose another --out to score again"
                    )
                return set(range(self.count))
            else:
                self.write_manifest({**self.manifest(), "status": "running", "error": None})
            self.shards.mkdir(exist_ok=True)
            return self._sound_shards()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Inside, no other process writes to the folder.

        Raises:
            ConfigError: another run is writing to it, or it cannot be written.
        """
        with locked(self.folder):
            yield

    def manifest(self) -> dict[str, Any]:
        """The manifest as it is on disk."""
        content: dict[str, Any] = json.loads(regular(self.folder / MANIFEST).read_text(encoding="utf-8"))
        return content

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replaces the manifest."""
        write_atomic(self.folder / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())

    def finished(self) -> set[int]:
        """Numbers of the shards that are on disk."""
        return {number for number in range(self.count) if shard_folder(self.shards, number).exists()}

    def write_shard(self, number: int, shard: ShardTables) -> None:
        """Writes one shard; it exists completely or not at all. Where their number was not known before, it grows."""
        self.count = max(self.count, number + 1)
        write_shard(self.shards, number, self._run, shard)

    def skipped(self) -> list[Skipped]:
        """What the finished shards skipped, in order."""
        return [entry for folder in self._folders() for entry in read_skipped(folder)]

    def undefined_maps(self) -> dict[str, dict[str, int]]:
        """Per method, or control, and layer how many maps of the finished shards are not finite; only where any is."""
        counts: dict[str, dict[str, int]] = {}
        for path in self._folders():
            for method, layer, count in read_undefined(path):
                if count:
                    layers = counts.setdefault(method, {})
                    layers[layer] = layers.get(layer, 0) + count
        return counts

    def write_skipped(self, skipped: Iterable[Skipped]) -> None:
        """Writes skipped.csv."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["path", "reason"])
        rows.writerows((guarded(entry.path), guarded(entry.reason)) for entry in skipped)
        write_atomic(self.folder / "skipped.csv", text.getvalue().encode())

    def finish(self, more: Callable[[Sequence[Path]], Iterable[pa.Table]] = lambda _: ()) -> None:
        """Final files from the shards; one row group per shard, so memory does not grow with their number.

        Args:
            more: further rows of scores.parquet from the folders of the shards, as tables.
        """
        folders = self._folders()
        for name, schema in SCHEMAS.items():
            parts = [path for folder in folders if (path := folder / f"{name}.parquet").exists()]
            if parts or name in ("scores", "images"):
                _merge(parts, self.folder / f"{name}.parquet", schema, more(folders) if name == "scores" else ())
        (self.folder / "maps").mkdir(exist_ok=True)
        for folder in folders:
            if (folder / MAPS).exists():
                target = self.folder / "maps" / f"shard-{folder.name}.safetensors"
                write_atomic(target, (folder / MAPS).read_bytes())

    def drop_shards(self) -> None:
        """Removes the shards, once the manifest says that the run is complete."""
        if self.shards.is_symlink():
            return
        for number in range(self.count):
            remove_shard(shard_folder(self.shards, number))
        with suppress(OSError):  # something else is in it, or it is gone
            self.shards.rmdir()

    def _folders(self) -> list[Path]:
        return [shard_folder(self.shards, number) for number in sorted(self.finished())]

    def _is_of_a_beginning(self, name: str) -> bool:
        """Whether a run that was killed before it had a manifest leaves this, or whether it is nothing."""
        if name == SHARDS:
            return self.shards.is_dir() and not any(self.shards.iterdir())
        return name.startswith(".cambench-") or name in NOTHING

    def _sound_shards(self) -> set[int]:
        """Shards that are whole and of this run; others are named, and moved out of the way but never removed."""
        sound = set()
        for path in sorted(self.shards.iterdir()):
            number = int(path.name) if path.name.isascii() and path.name.isdigit() else -1
            if not 0 <= number < self.count or path != shard_folder(self.shards, number):
                _say(f"'{path}' is no shard of this run; ignored")
            elif reason := fault(path, number, self._run):
                aside = next(
                    p for n in range(1, 10_000) if not (p := path.with_name(f"{path.name}.aside-{n}")).exists()
                )
                path.rename(aside)
                _say(f"'{path}' is not used, for {reason}; it is now '{aside.name}', and its images are scored again")
            else:
                sound.add(number)
        return sound

    def _check_resumable(self, *, resume: bool) -> list[str]:
        """Raise unless the folder holds this very run and it may be resumed."""
        try:
            old = self.manifest()
            status = old["status"]
            other, elsewhere = differing(self._first, old, identity), differing(self._first, old, origin)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise ConfigError(
                f"'{self.folder / MANIFEST}' is not a manifest this version can read; choose another --out"
            ) from error
        if not resume:
            raise ConfigError(
                f"out folder '{self.folder}' already holds a run ({status}); choose another --out, or --resume it"
            )
        if other or (elsewhere and status != "complete"):
            said = ", ".join([*other, *elsewhere])
            raise OtherRunError(f"out folder '{self.folder}' holds a run made with other {said}; choose another --out")
        return elsewhere


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, no other process writes to the run directory, which is made where it is missing.

    Raises:
        ConfigError: another process is writing to it, or it cannot be written.
    """
    with ExitStack() as stack:
        with _using(folder):
            folder.mkdir(parents=True, exist_ok=True)
            busy = f"another run is writing to '{folder}'; wait until it ends, or choose another --out"
            stack.enter_context(only_writer(folder / LOCK, busy))
        yield


def render_again(folder: Path) -> None:
    """Renders the report of a complete run, as its only writer.

    Raises:
        ReportError: no run, or one that cannot be read; nothing in the folder has changed then.
        ConfigError: another process is writing to it.
    """
    Run(folder)
    with locked(folder):
        for part in (folder, *(folder / name for name in PARTS)):
            remove_scratch(part)
        render(folder)


def _merge(parts: list[Path], target: Path, schema: pa.Schema, more: Iterable[pa.Table]) -> None:
    # Files are opened here: Arrow takes a path with a colon for an address.
    with atomic_file(target) as sink, pq.ParquetWriter(sink, schema) as writer:
        for part in parts:
            with part.open("rb") as source:
                writer.write_table(pq.read_table(source, schema=schema))
        for table in more:
            writer.write_table(table)


def _say(line: str) -> None:
    print(f"note: {line}", file=sys.stderr, flush=True)


@contextmanager
def _using(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"out folder '{folder}' cannot be written: {reason}; choose another --out") from error
