"""What the history tells of single nights: a tile and a line of the list for each, the newest first."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reports.plain import visible
from reports.runs.nights import NAME, Night, headline_of, unfinished

OTHER_JOB = "Another job than that of the newest good night: not in the figures."
KINDS = {
    "passed": "good",
    "first": "good",
    "accepted": "accepted",
    "failed": "bad",
    "not finished": "bad",
}  # of a state


def rows(root: Path, every: Sequence[Night], job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per night, the newest first, those that could not be finished among them.

    Args:
        root: folder of the nights.
        every: the nights that were read.
        job: of the nights in the figures.
    """
    found = [(night.order, _row(night, night.job == job)) for night in every]
    found += [(folder.name, _unfinished(folder, verdict)) for folder, verdict in unfinished(root).items()]
    sorted_rows = [row for _, row in sorted(found, key=lambda pair: pair[0], reverse=True)]
    if len({row["day"] for row in sorted_rows}) < len(sorted_rows):
        for row in sorted_rows:
            row["day"] += row["time"]
    return sorted_rows


def _row(night: Night, kept: bool) -> dict[str, Any]:
    manifest, verdict = night.manifest, night.verdict
    git = manifest.get("git") or {}
    more = [*((verdict or {}).get("details") or ())]
    if night.accepted:
        more.insert(0, f"accepted: {night.accepted['why']}")
    if not kept:
        more.append(OTHER_JOB)
    cells = {
        "weights": f"{manifest['checkpoint']['name']} {str(manifest['checkpoint'].get('sha256') or '')[:8]}",
        "revision": str(git.get("revision") or "")[:10] + (" with changes" if git.get("dirty") else ""),
        "device": str((manifest.get("device") or {}).get("name", "")),
    }
    said = headline_of(verdict) if verdict else "no verdict: a run that no night made"
    return _filled(night.folder, night.name, night.state, said, more) | {k: visible(v) for k, v in cells.items()}


def _unfinished(folder: Path, verdict: Mapping[str, Any]) -> dict[str, Any]:
    name, more = visible(folder.name), [*(verdict.get("details") or ())]
    row = _filled(folder, name, "not finished", headline_of(verdict), more)
    return row | {"weights": "", "revision": "", "device": ""}


def _filled(folder: Path, name: str, state: str, said: str, more: Sequence[Any]) -> dict[str, Any]:
    page = folder / "report.html"
    return {
        "night": name,
        "day": name[5:10] if NAME.fullmatch(name) else name[:10],
        "time": f" {name[11:13]}:{name[13:15]}" if NAME.fullmatch(name) else "",
        "state": state,
        "kind": KINDS.get(state, "other"),
        "said": said,
        "more": [visible(str(line)) for line in more],
        "link": f"../{quote(os.fsencode(folder.name))}/report.html" if page.exists() else "",
    }
