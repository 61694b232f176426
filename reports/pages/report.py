"""report.html: one file that opens offline."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from reports.counts import data_notes, left_out_text
from reports.files import cell_text
from reports.numbers import FEW
from reports.pages.banner import banner
from reports.pages.captions import caption, embedded_names
from reports.pages.frame import rendered
from reports.pages.gallery import gallery
from reports.pages.notebook import forest, pictures
from reports.pages.top import order_of, top
from reports.pages.worded import glossary, questions, verdicts
from reports.runs.run import Run
from reports.tables.answer import answer
from reports.tables.controls import unbeaten
from reports.tables.findings import CAVEAT, findings, warnings
from reports.tables.sanity import gate_text
from reports.tables.scorecard import scorecard
from reports.tables.summary import DATASET_LEVEL

HEADLINE = (
    "srg_probability", "srg_margin", "deletion_auc", "insertion_auc", "scatter", "mass_ratio",
    "effective_area", "empty", "pointing_game", "energy_in_mask", "animal_lift", "energy_in_face",
    "own_animal_share", "pxap_dataset", "certified_scene", "part_correlation", "energy_in_evidence",
    "target_sensitivity",
)  # fmt: skip
SHOWN_SKIPPED = 500
ROWS = 1000  # of a table on the page: a browser takes seconds for more, and all are in tables/
FOLDED = (
    "controls", "sanity", "substrates", "validation", "latency", "smoothness", "smoothness_pairs",
)  # fmt: skip  # tables that not every run has


def page(run: Run, tables: Mapping[str, pd.DataFrame], figures: list[str]) -> str:
    """The page as HTML.

    Args:
        run: the run.
        tables: all of it, by name.
        figures: names of the PNG files in figures/, in the order shown.
    """
    manifest = run.manifest
    summary = tables["summary"]
    images = gallery(run, order_of(run, tables))
    shown = list(embedded_names(figures))
    content = {
        "banner": banner(run.folder),
        **top(run, tables, images.places),
        "dataset": manifest["dataset"],
        "checkpoint": manifest["checkpoint"],
        "counts": manifest["counts"],
        "left_out": left_out_text(manifest),
        "notes": data_notes(manifest),
        "finished": manifest["finished"],
        "accuracy": _accuracy(run),
        "chance": 1 / len(run.classes),
        "classes": run.classes,
        "methods": [run.title(method) for method in run.methods],
        "findings": _findings(run, tables) + _unbeaten(run, tables),
        "warnings": warnings(run),
        "caveat": CAVEAT,
        "missing": _missing(run, summary),
        **_folded(run, tables),
        "figures": [
            embedded(run.folder / "figures" / f"{name}.png") | {"caption": caption(run, name)} for name in shown
        ],
        "files": [f"tables/{name}.csv" for name in tables]
        + [f"figures/{name}.png" for name in figures if name not in shown],
        "gallery": images.text,
        "skipped": cells(run.skipped.head(SHOWN_SKIPPED)),
        "protocols": json.dumps(manifest["protocols"], indent=2),
        "environment": json.dumps(_background(manifest), indent=2, ensure_ascii=False),
    }
    return rendered("report.html", content)


def _folded(run: Run, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The tables that are folded away, by their names in the template."""
    return {
        "verdicts": cells(verdicts(run, tables["comparison"])),
        "headline": cells(_titled(run, headline(run, tables["summary"]))),
        "summary": cells(tables["summary"]),
        "comparison": cells(tables["comparison"]),
        **{name: cells(tables[name]) if name in tables else None for name in FOLDED},
        "ranks": cells(tables["ranks"]),
        "gaps": cells(questions(run, tables["wrong_class"])),
        "glossary": cells(glossary(run)),
    }


def overview(run: Run, tables: Mapping[str, pd.DataFrame]) -> str:
    """The answer, the paired differences, a few pictures, findings and headline rows as HTML, for a notebook."""
    content = {
        "answer": [text for text in answer(run, tables, scorecard(run, tables)) if text],
        "forest": forest(run, tables["comparison"]),
        "chosen": "Where the first two methods differ most:" if len(run.methods) > 1 else "The first images:",
        "pictures": pictures(run),
        "dataset": run.manifest["dataset"],
        "checkpoint": run.manifest["checkpoint"],
        "counts": run.manifest["counts"],
        "findings": _findings(run, tables),
        "warnings": warnings(run),
        "headline": cells(_titled(run, headline(run, tables["summary"]))),
    }
    return rendered("overview.html", content)


def headline(run: Run, summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of the methods that are looked at first."""
    return summary[summary["metric"].isin(HEADLINE) & summary["method"].isin(run.methods)]


def _findings(run: Run, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    judged = (tables.get(name) for name in ("smoothness_pairs", "substrates"))
    return findings(run, tables["summary"], tables["comparison"], tables["wrong_class"], *judged)


def _unbeaten(run: Run, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    said = unbeaten(run, tables["controls"]) if "controls" in tables else []
    return said + (gate_text(run, tables["sanity"]) if "sanity" in tables else [])


def _titled(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    titles = {"pxap_dataset": "PxAP over all pixels"}
    return table.assign(
        method=table["method"].map(run.title), metric=table["metric"].map(lambda m: titles.get(m, run.title(m)))
    )


def _accuracy(run: Run) -> float | None:
    """Share of the images of one class that the model calls right; None where there are none."""
    single = run.images[run.single(run.images["label"])]
    return float((single["label"] == single["predicted"]).mean()) if len(single) else None


def _missing(run: Run, summary: pd.DataFrame) -> list[str]:
    """What a reader may look for in vain, and why."""
    missing = []
    if run.curves.empty:
        missing.append("deletion and insertion curves (none were computed)")
    if not summary["metric"].isin(DATASET_LEVEL).any():
        missing.append("pixel metrics over the data set (no masks)")
    if not run.maps:
        missing.append("overlays (the maps are missing)")
    if len(run.methods) < 2:
        missing.append("a comparison of methods (there is one)")
    if len(run.images) < FEW:
        missing.append(f"intervals (there are fewer than {FEW} images)")
    return missing


def _background(manifest: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("checkpoint", "dataset", "config", "device", "versions", "git", "seeds", "timings", "peak_memory_mb")
    return {key: manifest[key] for key in keys if key in manifest}


def cells(table: pd.DataFrame) -> dict[str, Any]:
    """A table as text cells that know whether they are numbers; of a long one the first `ROWS`, and their number."""
    rows = [
        [{"text": cell_text(value), "number": isinstance(value, int | float)} for value in row]
        for row in table.head(ROWS).itertuples(index=False)
    ]
    return {"columns": [str(column) for column in table.columns], "rows": rows, "total": len(table)}


def embedded(path: Path) -> dict[str, Any]:
    """A figure as WebP, smaller than its PNG, and its size in pixels."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=90, method=0)
        width, height = image.size
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"name": path.stem, "type": "image/webp", "data": data, "width": width, "height": height}
