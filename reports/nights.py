"""Run directories of many nights."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reports.compare import benchmark_name, must_match
from reports.run import ReportError, Run

VERDICT = "verdict.json"
MEAN_OF = ("method", "layer", "role", "metric")


@dataclass(frozen=True)
class Night:
    """A complete run with its tables, and the verdict on it where `cambench nightly` made one."""

    folder: Path
    manifest: dict[str, Any]
    verdict: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.name

    @property
    def good(self) -> bool:
        """Whether later nights may be held against it."""
        return self.verdict is not None and bool(self.verdict["passed"])

    @property
    def job(self) -> dict[str, Any]:
        """What must be equal for its numbers to belong to one history."""
        return must_match(self.manifest) | {"protocols": self.manifest["protocols"]}

    @cached_property
    def means(self) -> dict[str, float]:
        """Means of the methods by method, layer, role and metric."""
        rows = [row for row in self._rows("summary") if row["method"] in self.manifest["methods"]]
        return {" ".join(row[key] for key in MEAN_OF): float(row["mean"] or "nan") for row in rows}

    @cached_property
    def ratios(self) -> dict[str, float]:
        """Times over that of a bare forward pass by benchmark; empty where nothing was timed."""
        return {benchmark_name(row): float(row["ratio"]) for row in self._rows("latency")}

    def _rows(self, table: str) -> list[dict[str, str]]:
        path = self.folder / "tables" / f"{table}.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def nights(root: Path) -> list[Night]:
    """The complete runs in a folder, the oldest first.

    Raises:
        ReportError: no folder.
    """
    if not root.is_dir():
        raise ReportError(f"'{root}' is no folder; give the one that holds the runs")
    return sorted(_complete(root), key=lambda night: (night.manifest["started"], night.name))


def _complete(root: Path) -> Iterator[Night]:
    for path in root.iterdir():
        if path.is_symlink() or not (path / "tables" / "summary.csv").exists():
            continue
        try:
            manifest = Run(path).manifest
        except ReportError:
            continue  # not complete, or of another schema version
        verdict = path / VERDICT
        yield Night(path, manifest, json.loads(verdict.read_text(encoding="utf-8")) if verdict.exists() else None)
