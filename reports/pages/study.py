"""study.html, study.json, tables and forest plots of a study, from its cells' run directories."""

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd

from reports.figures.forest import forest_figure
from reports.figures.style import style
from reports.files import save_figure, write_atomic, write_table
from reports.pages.frame import rendered
from reports.pages.report import cells, embedded
from reports.runs.run import Run
from reports.runs.study import Study, StudyRun
from reports.tables.study import (
    DIFFERENCE,
    Answer,
    answers,
    data_table,
    factor_table,
    study_table,
)
from reports.tables.study_text import CAVEAT, answer_sentence, detail_sentences, study_warnings
from reports.text import file_stem, label

SCHEMA_VERSION = 1
NO_ANSWER = "This study answers no headline question: its cells have none of their metrics."


def render_study(study: Study) -> list[str]:
    """Writes tables/, figures/forest-*, study.json and study.html.

    Returns:
        The sentence of every question, headline first.

    Raises:
        ReportError: a cell that is damaged or lacks a method of the contrast.
    """
    found = answers(study)
    first = Run(next(run.folder for run in study.runs if run.error is None))
    titles = {name: first.title(name) for name in study.contrast}
    sentences = [answer_sentence(answer, titles, study.contrast) for answer in found]
    tables = _tables(found)
    for name, table in tables.items():
        write_table(study.out / "tables", name, table)
    names: list[str] = []
    with style():
        for answer in found:
            names.append(file_stem(f"forest-{answer.name}", names))
            figure = forest_figure(answer, _axis(answer, titles, study.contrast))
            save_figure(study.out / "figures", names[-1], figure)
    _remove_stale(study, tables, names)
    warnings = study_warnings(study, found)
    write_atomic(study.out / "study.json", _json(study, found, sentences, warnings, tables).encode())
    questions = [
        {
            "title": _axis(answer, titles, study.contrast).partition(";")[0],
            "sentence": sentence if number else "",  # the first one is the heading
            "details": detail_sentences(answer),
            "figure": embedded(study.out / "figures" / f"{name}.png"),
        }
        for number, (answer, sentence, name) in enumerate(zip(found, sentences, names, strict=True))
    ]
    content = {
        "title": label(study.title),
        "heading": sentences[0] if sentences else NO_ANSWER,
        "warnings": warnings,
        "caveat": CAVEAT,
        "questions": questions,
        "verdicts": cells(_verdicts(found, titles)),
        "tables": {name: cells(table) for name, table in tables.items()},
        "runs": _runs(study),
    }
    write_atomic(study.out / "study.html", rendered("study.html", content).encode())
    return [*warnings, *(sentences or [NO_ANSWER])]


def _tables(found: Sequence[Answer]) -> dict[str, pd.DataFrame]:
    """Those that have rows, by the name of their file."""
    every = {
        "study": study_table(found),
        "study_networks": pd.concat([answer.networks for answer in found], ignore_index=True) if found else None,
        "study_data": data_table(found),
        "study_factors": factor_table(found),
    }
    return {name: table for name, table in every.items() if table is not None and len(table)}


def _axis(answer: Answer, titles: Mapping[str, str], contrast: Sequence[str]) -> str:
    if answer.of != DIFFERENCE:
        return f"{answer.title} of {titles[answer.of]}: wrong minus right class"
    a, b = (titles[name] for name in contrast)
    better = {"higher": f"; right of 0 {a} is better", "lower": f"; left of 0 {a} is better"}.get(answer.direction, "")
    return f"{answer.title}, {a} minus {b}{better}"


def _verdicts(found: Sequence[Answer], titles: Mapping[str, str]) -> pd.DataFrame:
    rows = []
    for answer in found:
        over = answer.found
        of = "a - b" if answer.of == DIFFERENCE else titles[answer.of]
        known = answer.verdict != "undefined"
        low, high = over.interval(answer.level)
        least, most = over.prediction(answer.level)
        rows.append(
            (
                answer.title, answer.role, of, answer.verdict, over.networks, over.units, over.images,
                f"{over.mean.mean:+.3f} [{low:+.3f}, {high:+.3f}]" if known else over.why,
                f"{least:+.3f} to {most:+.3f}" if known else "", f"{over.sd:.3f}" if known else "",
                f"{answer.p_holm:.2g}" if known else "", f"{over.detectable(answer.level):.3f}" if known else "",
            )
        )  # fmt: skip
    columns = [
        "metric", "maps", "of", "verdict", "networks", "trunks", "images", "mean [95 % for all together]",
        "a new network", "sd between networks", "p (Holm)", "could have shown",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _runs(study: Study) -> list[dict[str, str]]:
    """A line per cell."""
    rows = []
    for run in study.runs:
        manifest = Run(run.folder).manifest if run.error is None else {}
        network = next(one for one in study.networks if one.name == run.network)
        counts = manifest.get("counts", {})
        rows.append(
            {
                "network": label(run.network),
                "data": label(run.data),
                "state": "failed" if run.error else "complete",
                "arch": label(str(manifest["checkpoint"]["arch"])) if manifest else "",
                "layer": label(next(iter(manifest["layers"]))) if manifest else "",
                "factors": ", ".join(f"{label(name)} {label(level)}" for name, level in network.factors.items()),
                "images": str(counts.get("scored", "")),
                "note": run.error or "",
                "link": _link(study, run),
            }
        )
    return rows


def _link(study: Study, run: StudyRun) -> str:
    """Of a cell's page, as far as there is one."""
    path = run.folder / "report.html"
    return quote(os.fsencode(os.path.relpath(path, study.out))) if path.exists() else ""


def _json(
    study: Study, found: Sequence[Answer], sentences: Sequence[str], warnings: Sequence[str], tables: Mapping[str, Any]
) -> str:
    """All that was computed; what is undefined is null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": study.title,
        "contrast": list(study.contrast),
        "networks": [dataclasses.asdict(network) for network in study.networks],
        "cells": [
            {
                "network": run.network,
                "data": run.data,
                "folder": os.path.relpath(run.folder, study.out),
                "state": "failed" if run.error else "complete",
                "error": run.error,
            }
            for run in study.runs
        ],
        "family_level": found[0].level if found else None,
        "warnings": list(warnings),
        "sentences": {answer.name: sentence for answer, sentence in zip(found, sentences, strict=True)},
        "details": {answer.name: detail_sentences(answer) for answer in found},
        **{name: table.to_dict("records") for name, table in tables.items()},
    }
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Values that JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _remove_stale(study: Study, tables: Mapping[str, Any], figures: Sequence[str]) -> None:
    """Removes what an earlier page of this study made and this one did not."""
    own = [study.out / "tables" / f"{name}.{kind}" for name in ("study_data", "study_factors") if name not in tables
           for kind in ("csv", "md", "tex")]  # fmt: skip
    own += [path for path in (study.out / "figures").glob("forest-*") if path.stem not in figures]
    for path in own:
        if path.is_file() or path.is_symlink():
            path.unlink()
