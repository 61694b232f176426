"""`cambench nightly`: run, time, compare with the last good night, report, history; the exit code is the verdict."""

import datetime
import subprocess
import sys
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

import filelock

from bench.config import load_config
from bench.errors import ConfigError, OtherRunError
from bench.nights.config import NightlyConfig
from bench.nights.gates import Gates, load_gates
from bench.nights.judge import judge
from bench.nights.keep import point, prune
from bench.nights.publish import write
from bench.nights.two_runs import Comparison, compare
from bench.nights.verdict import Verdict
from bench.process.log import aside, logged
from bench.run.pipeline import run
from cam import LayerError
from datasets import DatasetError
from metrics import MetricError
from reports import ReportError, render
from reports.files import remove_scratch
from reports.pages.banner import put_banner
from reports.pages.history import render_history
from reports.plain import visible
from reports.runs.latency import LATENCY_FILE
from reports.runs.nights import DAMAGE, NAME, VERDICT, nights, why
from weights import WeightsError

BENCHMARKS = Path(__file__).resolve().parents[1] / "timing"
LOGS, LATEST = "logs", "latest"
HISTORY = ("history", "history/figures")  # folders that are written into beside those of the nights
STAMP = "%Y-%m-%dT%H%M%S"
# Errors whose text is for the user; any other is one of the code that runs, perhaps the user's own.
SAID = (ConfigError, DatasetError, LayerError, MetricError, ReportError, WeightsError, OSError)


def nightly(config: NightlyConfig) -> Verdict:
    """One night. A night that was interrupted is gone on with; one that failed gets its verdict, and the next is new.

    Raises:
        ConfigError: options that cannot be used, another nightly in the same folder, a night that cannot be finished.
    """
    gates = load_gates(config.gates) if config.gates else Gates()
    if config.timing != "none" and find_spec("pytest_benchmark") is None:
        raise ConfigError("timing needs pytest-benchmark; pip install 'cambench[timing]' or use --timing none")
    config.root.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(config.root / ".lock", timeout=0):
            for part in (config.root, *(config.root / name for name in HISTORY)):
                remove_scratch(part)  # of a night that was killed
            begun = _tonight(config.root)
            try:
                with logged(_log(begun)):
                    return _night(config, gates, begun)
            except OtherRunError as error:  # interrupted under other code or options: it has its verdict now
                print(f"night {begun.name} was interrupted and is given up: {error}", file=sys.stderr)
            with logged(_log(folder := _tonight(config.root))):
                return _night(config, gates, folder)
    except filelock.Timeout as error:
        raise ConfigError(f"another nightly is writing to '{config.root}'; wait until it ends") from error


def _night(config: NightlyConfig, gates: Gates, folder: Path) -> Verdict:
    started = time.perf_counter()
    print(f"night {folder.name}")
    try:
        verdict = _measured(config, gates, folder, started)
    except (Exception, SystemExit) as error:  # a user's function may end the process
        reason = visible(f"{type(error).__name__}: {' '.join(str(error).split())}")
        Verdict(folder, "not finished", None, time.perf_counter() - started, reason).write()
        _history(config.root)
        if isinstance(error, SAID):
            raise
        said = f"night {folder.name} could not be finished: {reason}; see '{visible(str(_log(folder)))}'"
        raise ConfigError(said) from error
    verdict.write()
    page = _publish(config, folder)
    print("\n".join(verdict.found.lines() if verdict.found else []))
    print(f"  {folder / 'report.html'}  the night\n  {folder / 'summary.md'}  the verdict")
    if page:
        print(f"  {page}  all nights")
    lines = [f"{verdict.headline}; after {verdict.seconds:.0f} s", *verdict.details]
    for line in lines if verdict.passed else ():
        print(line)
    for line in () if verdict.passed else (*verdict.culprits, *lines):  # the command's end tells what did not pass
        aside(line)
    return verdict


def _publish(config: NightlyConfig, folder: Path) -> Path | None:
    """The link to the night, what old nights lose, the history; a night that was killed here leaves it to the next."""
    put_banner(folder)
    if said := point(config.root / LATEST, folder.name):
        print(said, file=sys.stderr)
    prune(config.root, config.keep)
    return _history(config.root)


def _history(root: Path) -> Path | None:
    """The page of all nights, if any was finished; what is wrong with it changes no verdict, and is said."""
    try:
        return render_history(root) if nights(root) else None
    except DAMAGE as error:
        if isinstance(error, OSError):
            raise
        print(f"the history could not be drawn: {why(error)}", file=sys.stderr)
        traceback.print_exc()
        return None


def _measured(config: NightlyConfig, gates: Gates, folder: Path, started: float) -> Verdict:
    """Scores, times and compares."""
    run(load_config(config.run, {"out": str(folder), "resume": True, "no_report": False}))
    if config.timing != "none":
        _time(folder, config.timing)
    judged = judge(folder, gates)
    for line in judged.left_out:
        print(line, file=sys.stderr)
    found = judged.found
    if found and found.speed_culprits:
        print("a limit of speed is passed; timing once more before it counts")
        (folder / LATENCY_FILE).replace(folder / f"first-{LATENCY_FILE}")
        _time(folder, config.timing)
        found = compare(found.first.folder, folder, gates, judged.ratios, whole=True).confirming(found)
    if found:
        _compared(found, folder / "compare")
    return Verdict(folder, judged.note, found, time.perf_counter() - started, differs=judged.differs)


def _compared(found: Comparison, out: Path) -> None:
    """Tables and page of the comparison; where a file of the night before is damaged, that changes no verdict."""
    try:
        write(found, out)
    except DAMAGE as error:
        if isinstance(error, OSError):
            raise
        print(f"the page of the comparison could not be drawn: {why(error)}", file=sys.stderr)
        traceback.print_exc()


def _time(folder: Path, choice: str) -> None:
    """Runs the benchmarks, puts their JSON into the run and renders its report again."""
    scratch = folder / f".{LATENCY_FILE}.tmp"
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(BENCHMARKS),
        "-q",
        "-p",
        "no:cacheprovider",
        "--benchmark-only",
        "--full",
    ]
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
