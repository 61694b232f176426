"""How many images a run scored, and what it left out, in words."""

from collections.abc import Mapping
from typing import Any

SHOWN_NOTES = 5


def left_out_text(manifest: Mapping[str, Any]) -> str:
    """How many inputs were left out, and how many of each kind, the largest first."""
    count = manifest["counts"]["skipped"]
    kinds = sorted(manifest.get("left_out", {}).items(), key=lambda kind: (-kind[1], kind[0]))
    by_kind = f" ({', '.join(f'{name}: {number}' for name, number in kinds)})" if kinds else ""
    return f"{count or 'nothing'} left out{by_kind}"


def data_notes(manifest: Mapping[str, Any]) -> list[str]:
    """What is odd about the data set; of many notes the first few, and how many there are."""
    notes = [str(note) for note in manifest["dataset"].get("notes", [])]
    more = len(notes) - SHOWN_NOTES
    return [*notes[:SHOWN_NOTES], *([f"{more} more notes in manifest.json, under dataset"] if more > 0 else [])]
