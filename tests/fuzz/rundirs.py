"""Run directories that were damaged or edited, made from a whole one by a seed."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

VALUES: tuple[Any, ...] = (None, "", "x", -1, 1e400, [], {}, [None], True, "a\0b\u202e", {"": 0}, 2**70)
FREE = ("timings", "peak_memory_mb", "started", "finished")  # of a manifest: what differs between two equal runs
Damage = Callable[[Path], None]


def _delete(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _garble(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00" + np.random.default_rng(0).bytes(200))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _flip(seed: int) -> Damage:
    def flip(path: Path) -> None:
        random = np.random.default_rng(seed)
        content = bytearray(path.read_bytes())
        for place in random.integers(0, max(1, len(content)), 3):
            content[place : place + 1] = bytes([content[place] ^ (1 << int(random.integers(8)))])
        path.write_bytes(bytes(content))

    return flip


def files_of(folder: Path) -> list[str]:
    """Every file of a run, by its path in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def file_damages(flips: int) -> dict[str, Damage]:
    """What may happen to a file, by name."""
    return {
        "deleted": _delete, "empty": _empty, "halved": _halve, "garbled": _garble, "a folder": _folder,
        **{f"flipped {seed}": _flip(seed) for seed in range(flips)},
    }  # fmt: skip


def copy_of(whole: Path, target: Path) -> Path:
    """A fresh copy of a run."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(whole, target))


def manifest_edits(manifest: dict[str, Any], values: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The manifest with one field missing, or of a value it should not have, for every field on every level."""
    for number, path in enumerate(_paths(manifest)):
        edited = copy.deepcopy(manifest)
        _at(edited, path[:-1]).pop(path[-1])
        yield f"{path} missing", edited
        for step in range(values):
            value = VALUES[(number + step) % len(VALUES)]
            edited = copy.deepcopy(manifest)
            _at(edited, path[:-1])[path[-1]] = value
            yield f"{path} = {value!r}", edited


def table_edits(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """A table with a column missing or of another type or content, with rows missing, twice, or in another order."""
    yield "no rows", table.iloc[:0]
    yield "half of the rows", table.iloc[: len(table) // 2]
    yield "rows twice", pd.concat([table, table.iloc[:1]])
    yield "reversed", table.iloc[::-1]
    yield "foreign column", table.assign(foreign=1)
    for column in table.columns:
        yield f"{column} missing", table.drop(columns=column)
        for value in (None, "foreign", float("nan"), float("inf"), -7, b"\xff", [], [float("nan")]):
            first = [value if place == 0 else kept for place, kept in enumerate(table[column])]
            for what, cells in (("all", [value] * len(table)), ("one", first)):
                yield f"{column}: {what} {value!r}", table.assign(**{column: pd.Series(cells, dtype=object)})


def _paths(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, entry in value.items() if isinstance(value, dict) else ():
        yield (*above, name)
        yield from _paths(entry, (*above, name))


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Replaces the manifest of a run."""
    (folder / "manifest.json").write_text(json.dumps(manifest))


def wrong_files(folder: Path, expected: Path, *, manifest: bool) -> list[str]:
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
