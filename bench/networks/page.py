"""The table of docs/networks.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.environment import describe_device, versions
from bench.networks.entries import SEED, Entry
from bench.networks.measure import PARITY

COLUMNS = (
    "network", "weights", "parameters", "layer found", "map", "forward, ms", "maps / forward", "difference", "accuracy",
    "",
)  # fmt: skip


def table(rows: Sequence[tuple[Entry, Mapping[str, Any]]]) -> str:
    """Markdown: a row per network, in this order; one that failed says why."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(_row(entry, found) for entry, found in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _row(entry: Entry, found: Mapping[str, Any]) -> tuple[str, ...]:
    weights = "trained" if entry.file else f"random, seed {SEED}"
    if not found:
        return (entry.title, weights, *("",) * (len(COLUMNS) - 3), "not measured yet")
    if "failed" in found:
        reason = found["failed"].replace("|", "\\|")
        return (entry.title, weights, *("",) * (len(COLUMNS) - 3), f"**FAILS**: {reason}")
    channels, height, width = found["size"]
    return (
        entry.title,
        weights,
        f"{found['parameters'] / 1e6:.1f} M",
        f"`{found['layer']}`",
        f"{channels} x {height} x {width}",
        f"{found['forward_ms']:.0f}",
        f"{found['cost']:.2f}",
        f"{found['difference']:.1e}",
        "" if found["accuracy"] is None else f"{found['accuracy']:.3f}",
        "" if found["difference"] <= PARITY else f"**FAILS**: differs by more than {PARITY:.0e}",
    )


def machine(device: Any, cores: int | None) -> str:
    """Where it was measured, one line."""
    described, known = describe_device(device), versions()
    listed = ", ".join(f"{name} {known[name]}" for name in ("cambench", "torch", "torchvision", "python"))
    return f"{cores} cores ({described['cpu']}), {described['threads']} thread, float32; {listed}."
