"""Options of a night."""

from dataclasses import dataclass
from pathlib import Path

from bench.config import as_integer, as_path, as_text, option


@dataclass(frozen=True, kw_only=True)
class NightlyConfig:
    """What a night does. Every field is a flag and a TOML key."""

    run: Path = option(as_path, "TOML file of the run", "FILE.toml")
    root: Path = option(as_path, "folder of the nights", "DIR", default=Path("runs/nightly"))
    gates: Path | None = option(
        as_path, "TOML file of tolerances (default: quality 0.002, speed 5 %%)", "FILE.toml", default=None
    )
    timing: str = option(
        as_text, "which benchmarks: words as for pytest -k, all, or none", "WORDS", default="forward or maps"
    )
    keep: int = option(as_integer(1), "nights that keep maps, curves and figures", "N", default=30)
