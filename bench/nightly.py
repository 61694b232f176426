"""`cambench nightly`: run, time, compare with the last good night, report, history; the exit code is the verdict."""

import datetime
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import filelock

from bench.compare import Comparison, compare
from bench.config import load_config
from bench.errors import ConfigError
from bench.gates import Gates, load_gates
from bench.log import logged
from bench.nightly_config import NightlyConfig
from bench.pipeline import run
from bench.summary import Verdict
from reports import ReportError, render
from reports.history import render_history
from reports.latency import LATENCY_FILE
from reports.nights import VERDICT, Night, nights

BENCHMARKS = Path(__file__).resolve().parents[1] / "tests" / "benchmarks"
LOGS, LATEST = "logs", "latest"
BULKY = ("maps", "figures", "curves.parquet", "localisation.parquet", "images.parquet")  # what old nights lose


def nightly(config: NightlyConfig) -> Verdict:
    """One night. A night that was interrupted is gone on with; one that failed gets its verdict, and the next is new.

    Raises:
        ConfigError: options that cannot be used, or another nightly in the same folder.
    """
    gates = load_gates(config.gates) if config.gates else Gates()
    load_config(config.run, {"out": str(config.root)})  # complains before a night is begun
    if config.timing != "none" and not BENCHMARKS.is_dir():
        raise ConfigError(f"timing needs the benchmarks of a checkout, not found at '{BENCHMARKS}'; use --timing none")
    config.root.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(config.root / ".lock", timeout=0):
            folder = _tonight(config.root)
            with logged(_log(folder)):
                return _night(config, gates, folder)
    except filelock.Timeout as error:
        raise ConfigError(f"another nightly is writing to '{config.root}'; wait until it ends") from error


def _night(config: NightlyConfig, gates: Gates, folder: Path) -> Verdict:
    started = time.perf_counter()
    print(f"night {folder.name}")
    try:
        note, found = _measured(config, gates, folder)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        Verdict(folder, "not finished", None, time.perf_counter() - started, reason).write()
        raise
    verdict = Verdict(folder, note, found, time.perf_counter() - started)
    verdict.write()
    _point(config.root / LATEST, folder.name)
    _prune(config.root, config.keep)
    page = render_history(config.root)
    print("\n".join(found.lines() if found else []))
    for line in verdict.culprits:
        print(f"regression: {line}", file=sys.stderr)
    print(f"{'passed' if verdict.passed else 'FAILED'} after {verdict.seconds:.0f} s; {note}")
    print(f"  {folder / 'report.html'}  the night\n  {folder / 'summary.md'}  the verdict\n  {page}  all nights")
    return verdict


def _measured(config: NightlyConfig, gates: Gates, folder: Path) -> tuple[str, Comparison | None]:
    """Scores, times and compares; a note, and the comparison where there is a night to compare with."""
    run(load_config(config.run, {"out": str(folder), "resume": True}))
    if config.timing != "none":
        _time(folder, config.timing)
    earlier = [night for night in nights(config.root) if night.good and night.folder != folder]
    if not earlier:
        return "no good night before this one", None
    last = earlier[-1].folder
    try:
        found = compare(last, folder, gates, past_ratios(earlier))
    except ReportError as error:
        return f"a new beginning: {error}", None
    if found.speed_culprits:
        print("a limit of speed is passed; timing once more before it counts")
        (folder / LATENCY_FILE).replace(folder / f"first-{LATENCY_FILE}")
        _time(folder, config.timing)
        found = compare(last, folder, gates, past_ratios(earlier)).confirming(found)
    found.write(folder / "compare")
    return f"compared with {last.name}; {found.suspects}", found


def past_ratios(earlier: Sequence[Night]) -> dict[str, list[float]]:
    """Ratios of the nights by benchmark, the oldest first."""
    past: dict[str, list[float]] = {}
    for night in earlier:
        for name, ratio in night.ratios.items():
            past.setdefault(name, []).append(ratio)
    return past


def _time(folder: Path, choice: str) -> None:
    """Runs the benchmarks, puts their JSON into the run and renders its report again."""
    scratch = folder / f".{LATENCY_FILE}.tmp"
    command = [sys.executable, "-m", "pytest", str(BENCHMARKS), "-q", "-p", "no:cacheprovider", "--benchmark-only"]
    command += [f"--benchmark-json={scratch.resolve()}", *(() if choice == "all" else ("-k", choice))]
    done = subprocess.run(command, cwd=BENCHMARKS.parents[1], capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="\n")
    if done.returncode:
        raise ConfigError(f"timing failed (pytest exit code {done.returncode}), see '{_log(folder)}'")
    scratch.replace(folder / LATENCY_FILE)
    render(folder)


def _tonight(root: Path) -> Path:
    """The night that was interrupted, or the folder of a new one, named by the time in UTC."""
    begun = max((path.stem for path in (root / LOGS).glob("*.log")), default=None)
    if begun is not None and not (root / begun / VERDICT).exists():
        return root / begun
    folder = root / _name()
    _log(folder).parent.mkdir(exist_ok=True)
    return folder


def _name() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M%S")


def _log(folder: Path) -> Path:
    return folder.parent / LOGS / f"{folder.name}.log"


def _point(link: Path, target: str) -> None:
    """Makes the link point there, at once."""
    scratch = link.with_name(f".{link.name}.tmp")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target)
    scratch.replace(link)


def _prune(root: Path, keep: int) -> None:
    """Removes what is bulky from all but the newest nights and the last good one; scores, tables and pages stay."""
    every = nights(root)
    good = [night for night in every if night.good][-1:]
    for night in every[:-keep]:
        if night in good or night.verdict is None:  # without verdict it is no night of ours
            continue
        for name in BULKY:
            path = night.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
