"""`cambench nightly`: run, time, compare with the last good night, report, history; the exit code is the verdict."""

import datetime
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
from bench.keep import point, prune
from bench.log import logged
from bench.nightly_config import NightlyConfig
from bench.pipeline import run
from bench.summary import Verdict
from cam import LayerError
from datasets import DatasetError
from metrics import MetricError
from reports import ReportError, render
from reports.compare import IncomparableError
from reports.history import render_history
from reports.latency import LATENCY_FILE
from reports.nights import DAMAGE, NAME, VERDICT, Night, nights, why
from weights import WeightsError

BENCHMARKS = Path(__file__).resolve().parents[1] / "tests" / "benchmarks"
LOGS, LATEST = "logs", "latest"
STAMP = "%Y-%m-%dT%H%M%S"
# Errors whose text is for the user; any other is one of the code that runs, perhaps the user's own.
SAID = (ConfigError, DatasetError, LayerError, MetricError, ReportError, WeightsError, OSError)


def nightly(config: NightlyConfig) -> Verdict:
    """One night. A night that was interrupted is gone on with; one that failed gets its verdict, and the next is new.

    Raises:
        ConfigError: options that cannot be used, another nightly in the same folder, a night that cannot be finished.
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
        verdict = _measured(config, gates, folder, started)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        Verdict(folder, "not finished", None, time.perf_counter() - started, reason).write()
        if nights(config.root):
            render_history(config.root)
        if isinstance(error, SAID):
            raise
        raise ConfigError(f"night {folder.name} could not be finished: {reason}; see '{_log(folder)}'") from error
    verdict.write()
    page = _publish(config, folder)
    print("\n".join(verdict.found.lines() if verdict.found else []))
    print(f"  {folder / 'report.html'}  the night\n  {folder / 'summary.md'}  the verdict")
    print(f"  {page}  all nights" if page else "  no history: no night before this one was finished")
    for line in verdict.culprits:
        print(f"regression: {line}", file=sys.stderr)
    print(f"{verdict.headline}; after {verdict.seconds:.0f} s")
    return verdict


def _publish(config: NightlyConfig, folder: Path) -> Path | None:
    """The link to the night, what old nights lose, the history; a night that was killed here leaves it to the next."""
    said = point(config.root / LATEST, folder.name)
    if said:
        print(said, file=sys.stderr)
    prune(config.root, config.keep)
    return render_history(config.root) if nights(config.root) else None


def _measured(config: NightlyConfig, gates: Gates, folder: Path, started: float) -> Verdict:
    """Scores, times and compares."""
    run(load_config(config.run, {"out": str(folder), "resume": True}))
    if config.timing != "none":
        _time(folder, config.timing)
    every = [night for night in nights(config.root, _complain) if night.folder != folder]
    since = _since_reference(every)
    note, found, differs = _compared(since, gates, folder)
    if found and found.speed_culprits:
        print("a limit of speed is passed; timing once more before it counts")
        (folder / LATENCY_FILE).replace(folder / f"first-{LATENCY_FILE}")
        _time(folder, config.timing)
        found = compare(found.first.folder, folder, gates, past_ratios(since), whole=True).confirming(found)
    if found:
        found.write(folder / "compare")
    return Verdict(folder, note, found, time.perf_counter() - started, differs=differs)


def _since_reference(every: Sequence[Night]) -> list[Night]:
    """From the night on that was accepted last; all where none was."""
    accepted = [place for place, night in enumerate(every) if night.accepted]
    last = max(accepted, key=lambda place: (str((every[place].accepted or {}).get("accepted")), place), default=0)
    return list(every[last:])


def _compared(since: Sequence[Night], gates: Gates, folder: Path) -> tuple[str, Comparison | None, tuple[str, ...]]:
    """A note, the comparison with the last good night that allows one, or why none does.

    A night that was damaged is left out; that no good night is left to compare with is no new beginning.
    """
    good = [night for night in reversed(since) if night.good]
    differs: tuple[str, ...] = ()
    damaged: list[str] = []
    for night in good:
        try:
            found = compare(night.folder, folder, gates, past_ratios(since), whole=True)
        except IncomparableError as error:
            differs = differs or (f"against night {night.name}, {error.reasons[0]}", *error.reasons[1:])
        except DAMAGE as error:
            damaged.append(f"night {night.name} is left out: {why(error)}")
            _complain(damaged[-1])
        else:
            notes = [f"compared with night {night.name}", found.suspects, *found.new]
            return "; ".join(notes), found, ()
    if not good:
        return "nothing to compare with: no good night before this one", None, ()
    return "not compared with any night", None, differs or tuple(damaged)


def past_ratios(earlier: Sequence[Night]) -> dict[str, list[float]]:
    """Ratios of the nights by benchmark, the oldest first.

    Every night counts, whatever was said of it: a past of nights that passed would be faster than nights are.
    """
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
    done = subprocess.run(
        command, cwd=BENCHMARKS.parents[1], capture_output=True, text=True, errors="backslashreplace", check=False
    )
    print(done.stdout, done.stderr, sep="\n")
    if done.returncode:
        raise ConfigError(f"timing failed (pytest exit code {done.returncode}), see '{_log(folder)}'")
    scratch.replace(folder / LATENCY_FILE)
    render(folder)


def _tonight(root: Path) -> Path:
    """The night that was interrupted, or the folder of a new one, named by the time in UTC.

    Names only ever grow: where the clock was set back, the new one is a second after the last.
    """
    begun = [path.stem for path in (root / LOGS).glob("*.log") if NAME.fullmatch(path.stem)]
    begun += [path.name for path in root.iterdir() if NAME.fullmatch(path.name)]
    last = max(begun, default="")
    if last and _log(root / last).exists() and not (root / last / VERDICT).exists():
        return root / last
    name = _name()
    if name <= last:
        name = (datetime.datetime.strptime(last, STAMP) + datetime.timedelta(seconds=1)).strftime(STAMP)
    _log(root / name).parent.mkdir(exist_ok=True)
    return root / name


def _name() -> str:
    return datetime.datetime.now(datetime.UTC).strftime(STAMP)


def _log(folder: Path) -> Path:
    return folder.parent / LOGS / f"{folder.name}.log"


def _complain(line: str) -> None:
    print(line, file=sys.stderr)
