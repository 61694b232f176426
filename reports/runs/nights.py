"""Run directories of many nights."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from reports.csvfiles import unguarded
from reports.errors import regular
from reports.plain import visible
from reports.runs.job import must_match
from reports.runs.latency import benchmark_name
from reports.runs.run import ReportError, Run

VERDICT, ACCEPTED = "verdict.json", "accepted.json"
NAME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}")  # of a night's folder: the time in UTC
MEAN_OF = ("method", "layer", "role", "metric")
# What reading a run that was edited or damaged may raise.
DAMAGE = (
    ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, csv.Error, pa.ArrowException,
)  # fmt: skip

Say = Callable[[str], None]


def silent(_line: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Night:
    """A complete run with its tables, the verdict on it where `cambench nightly` made one, and who accepted it why."""

    folder: Path
    manifest: dict[str, Any]
    verdict: dict[str, Any] | None
    accepted: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """Name of its folder, as text."""
        return visible(self.folder.name)

    @property
    def state(self) -> str:
        """What was said of it: passed, failed, not comparable, first, accepted, or no verdict."""
        if self.accepted is not None:
            return "accepted"
        if self.verdict is None:
            return "no verdict"
        return str(self.verdict.get("state", "passed" if self.verdict["passed"] else "failed"))

    @property
    def good(self) -> bool:
        """Whether later nights may be held against it."""
        return self.state in ("passed", "first", "accepted")

    @property
    def order(self) -> str:
        """Nights come in the order of their names, whatever the clock said; other runs by when they began."""
        return self.name if NAME.fullmatch(self.name) else self.manifest["started"][:19].replace(":", "")

    @cached_property
    def job(self) -> dict[str, Any]:
        """What must be equal for its numbers to belong to one history."""
        return must_match(self.manifest)

    @cached_property
    def means(self) -> dict[str, float]:
        """Means of the methods by method, layer, role and metric."""
        rows = [row for row in self._rows("summary", (*MEAN_OF, "mean")) if row["method"] in self.manifest["methods"]]
        return {" ".join(row[key] for key in MEAN_OF): float(row["mean"] or "nan") for row in rows}

    @cached_property
    def ratios(self) -> dict[str, float]:
        """Times over that of a bare forward pass by benchmark; empty where nothing was timed."""
        return {benchmark_name(row): float(row["ratio"]) for row in self._rows("latency", ("stage", "ratio"))}

    def _rows(self, table: str, needed: Sequence[str]) -> list[dict[str, str]]:
        path = self.folder / "tables" / f"{table}.csv"
        if not path.exists():
            return []
        text = regular(path).read_bytes().decode()
        reader = csv.DictReader(io.StringIO(text, newline=""))
        rows = list(reader)
        whole = text.endswith("\n") and all(None not in row and None not in row.values() for row in rows)
        if not whole or not {*needed} <= {*(reader.fieldnames or ())}:
            raise ReportError(f"its tables/{table}.csv is cut or damaged; make it again with cambench report")
        return [{name: unguarded(cell) for name, cell in row.items()} for row in rows]


def nights(root: Path, say: Say = silent) -> list[Night]:
    """The complete runs in a folder, the oldest first.

    Args:
        root: the folder.
        say: is told in one line of every night that is left out, and why.

    Raises:
        ReportError: no folder.
    """
    if not root.is_dir():
        raise ReportError(f"'{root}' is no folder; give the one that holds the runs")
    found = []
    for folder in _candidates(root, say):
        try:
            found.append(read_night(folder))
        except DAMAGE as error:
            say(f"night {visible(folder.name)} is left out: {why(error)}")
    return sorted(found, key=lambda night: (night.order, night.name))


def read_night(folder: Path) -> Night:
    """A night, its manifest, verdict and tables read and checked as far as a history needs them.

    Raises:
        ReportError: it was not finished, or is no complete run.
        KeyError, TypeError, ...: one of `DAMAGE`, where a file was edited or damaged.
    """
    verdict, accepted = record(folder / VERDICT, "passed", bool), record(folder / ACCEPTED, "why", str)
    if verdict is not None and verdict.get("error"):
        raise ReportError(f"it could not be finished: {verdict['error']}")
    run = Run(folder)
    night = Night(folder, run.manifest, verdict, accepted)
    if not (folder / "tables" / "summary.csv").exists():
        raise ReportError(f"it has no tables/summary.csv; make it with cambench report '{folder}'")
    if not isinstance(run.seed, int) or not run.methods or not run.layers or not run.classes:
        raise ReportError("its manifest.json names no method, layer or class")
    if not all(isinstance(entry["title"], str) for entry in run.manifest["methods"].values()):
        raise ReportError("its manifest.json has a method without title")
    for read in (lambda: night.order, lambda: night.job, lambda: night.means, lambda: night.ratios):
        read()
    return night


def unfinished(root: Path) -> dict[Path, dict[str, Any]]:
    """The nights that have a verdict and nothing else, because they could not be finished, with that verdict."""
    found = {}
    for folder in _candidates(root, silent):
        with suppress(*DAMAGE):
            verdict = record(folder / VERDICT, "passed", bool)
            if verdict is not None and verdict.get("error"):
                found[folder] = verdict
    return found


def headline_of(verdict: Mapping[str, Any]) -> str:
    """The verdict in one line; of verdicts that hold none, which older versions wrote, its first culprit."""
    if verdict.get("headline"):
        return visible(str(verdict["headline"]))
    culprits = [*(verdict.get("culprits") or ()), *(verdict.get("differs") or ())]
    more = f" and {len(culprits) - 1} more" if len(culprits) > 1 else ""
    state = verdict.get("state", "passed" if verdict["passed"] else "failed")
    said = f"{culprits[0]}{more}" if culprits else verdict.get("note", "")
    return visible(f"{state if verdict['passed'] else state.upper()}: {said}")


def was_finished(folder: Path) -> bool:
    """Whether a night has a verdict, even one that cannot be read, and not that it could not be finished."""
    try:
        verdict = record(folder / VERDICT, "passed", bool)
    except DAMAGE:
        return True
    return verdict is not None and not verdict.get("error")


def why(error: BaseException) -> str:
    """What is wrong with a night, in one line."""
    said = visible(" ".join(str(error).split()))
    if isinstance(error, ReportError):
        return said
    if isinstance(error, KeyError):
        return f"its files were edited or damaged, {said} is missing"
    return f"its files were edited or damaged ({type(error).__name__}: {said})"


def _candidates(root: Path, say: Say) -> Iterator[Path]:
    """Folders that are, or were meant to be, a night or another run."""
    for path in sorted(root.iterdir()):
        try:
            meant = path.is_dir() and (
                bool(NAME.fullmatch(path.name)) or any((path / name).exists() for name in ("manifest.json", VERDICT))
            )
        except OSError as error:
            say(f"'{visible(path.name)}' is left out: it cannot be read ({error.strerror})")
            continue
        if meant and path.is_symlink():
            if path.name != "latest":
                say(f"night {visible(path.name)} is left out: it is a link; put the folder itself there")
        elif meant:
            yield path


def record(path: Path, key: str, kind: type) -> dict[str, Any] | None:
    """A JSON object that has at least `key`; None where there is no such file."""
    if not path.exists():
        return None
    try:
        content = json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"its {path.name} is no JSON ({error}); remove the file, or the night") from error
    if not isinstance(content, dict) or not isinstance(content.get(key), kind):
        raise ReportError(f"its {path.name} has no '{key}'; remove the file, or the night")
    return content
