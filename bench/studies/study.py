"""`cambench study`: every network on every data set, then one verdict over all of them."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

from bench.errors import ConfigError
from bench.process.failures import explain, one_line
from bench.process.ranks import Ranks, process_group
from bench.run.pipeline import perform, prepare
from bench.run.store import LOCK, MANIFEST, NOTHING, PARTS, locked
from bench.studies.config import StudyCell, StudyConfig, check_cells
from reports.errors import regular
from reports.files import remove_scratch
from reports.pages.study import render_study
from reports.runs.study import Study, StudyRun

CELLS = "cells"


def study(config: StudyConfig, *, resume: bool = False) -> list[str]:
    """Scores the cells that are not finished, and writes tables, figures and page over those that are.

    A cell that fails is named and left out, and the others go on. Under torchrun the ranks share every cell; there a
    failure while images are scored ends them all, and the next call takes that cell last.

    Returns:
        The answers in words, headline first; nothing on ranks but the first.

    Raises:
        ConfigError: options or a folder that cannot be used; afterwards, cells that failed.
    """
    check_cells(config)
    on_cpu = all(cell.config.device == "cpu" for cell in config.cells)
    with process_group("cpu" if on_cpu else "auto") as ranks:
        problem = _folder_problem(config.out, resume=resume) if ranks.first else None
        if problem := ranks.first_of(problem):
            raise ConfigError(problem)
        with locked(config.out) if ranks.first else nullcontext():
            runs = _scored(config, ranks)
            if not ranks.first:
                return []
            for part in (config.out, *(config.out / name for name in PARTS)):
                remove_scratch(part)
            return _concluded(config, runs)


def _scored(config: StudyConfig, ranks: Ranks) -> list[StudyRun]:
    """Every cell, in the order of the file."""
    places = list(range(len(config.cells)))
    if ranks.count > 1:  # what may have ended the ranks before is done last
        places = ranks.agreed(sorted(places, key=lambda place: _state(config.cells[place]) in ("running", "failed")))
    errors: dict[int, str | None] = {}
    for number, place in enumerate(places, 1):
        cell = config.cells[place]
        if ranks.first:
            print(f"cell {number} of {len(config.cells)}: {cell.said}", file=sys.stderr, flush=True)
        errors[place] = _error(cell, ranks)
        if ranks.first and errors[place] is not None:
            print(f"failed: {cell.said}: {errors[place]}", file=sys.stderr, flush=True)
    return [
        StudyRun(cell.network, cell.data, cell.config.out, errors[place]) for place, cell in enumerate(config.cells)
    ]


def _error(cell: StudyCell, ranks: Ranks) -> str | None:
    """Why a cell could not be scored, in one line; None where it was. A finished one is opened, and stays as it is."""
    prepared, said = None, None
    shown = cell.config.no_report or (cell.config.out / "report.html").exists()
    done = _state(cell) == "complete" and shown
    try:
        prepared = prepare(cell.config, ranks)
    except (Exception, SystemExit) as error:  # a user's function may end the process
        said = one_line(explain(error)[1])
    said = ranks.first_of(said)
    if prepared is None or said is not None:
        return said
    try:
        perform(prepared, ranks, report=not done and not cell.config.no_report)
    except (Exception, SystemExit) as error:
        if ranks.count > 1:  # the others wait for its share
            raise
        return one_line(explain(error)[1])
    return None


def _concluded(config: StudyConfig, runs: list[StudyRun]) -> list[str]:
    failed = [run for run in runs if run.error is not None]
    if len(failed) == len(runs):
        raise ConfigError(f"none of the {len(runs)} cells could be scored; the first, {_said(failed[0])}")
    sentences = render_study(Study(config.out, config.title, config.contrast, config.networks, tuple(runs)))
    print("\n".join(sentences))
    print(f"\n  {config.out / 'study.html'}  the answer, a forest plot per question, every cell")
    print(f"  {config.out / 'study.json'}  all that was computed; tables/ and figures/ beside it")
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise ConfigError(
            f"{len(failed)} of {len(runs)} cells failed: {_said(failed[0])}{more}; mend that and go on with --resume"
        )
    return sentences


def _said(run: StudyRun) -> str:
    return f"{run.network} on {run.data}: {run.error}"


def _state(cell: StudyCell) -> str | None:
    """Status of the cell's run; None where there is none that can be read."""
    try:
        manifest = json.loads(regular(cell.config.out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(manifest.get("status")) if isinstance(manifest, dict) else None


def _folder_problem(out: Path, *, resume: bool) -> str | None:
    """Why a study cannot be written there; it touches nothing."""
    if not out.exists() and not out.is_symlink():
        return None
    if not out.is_dir():
        return f"out folder '{out}' cannot be written: it is no folder; choose another --out"
    names = {path.name for path in out.iterdir()}
    names = {name for name in names if not name.startswith((".cambench-", LOCK)) and name not in NOTHING}
    if names and (CELLS not in names or MANIFEST in names):
        return f"out folder '{out}' is not empty and holds no study; choose another --out"
    if names and not resume:
        return f"out folder '{out}' already holds a study; choose another --out, or --resume it"
    return None
