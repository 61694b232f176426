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
from reports.numbers import FEW, interval_text
from reports.pages.banner import banner
from reports.pages.frame import rendered
from reports.pages.gallery import gallery_json
from reports.runs.run import GAP, Run
from reports.tables.comparison import verdict_text
from reports.tables.controls import unbeaten
from reports.tables.findings import CAVEAT, findings, warnings
from reports.tables.sanity import gate_text
from reports.tables.summary import DATASET_LEVEL

HEADLINE = (
    "srg_probability", "srg_margin", "deletion_auc", "insertion_auc", "scatter", "mass_ratio",
    "effective_area", "empty", "pointing_game", "energy_in_mask", "animal_lift", "energy_in_face",
    "own_animal_share", "pxap_dataset", "certified_scene", "part_correlation", "energy_in_evidence",
    "target_sensitivity",
)  # fmt: skip
SHOWN_SKIPPED = 500
FOLDED = (
    "controls",
    "sanity",
    "validation",
    "latency",
    "smoothness",
    "smoothness_pairs",
)  # tables that not every run has


def page(run: Run, tables: Mapping[str, pd.DataFrame], figures: list[str]) -> str:
    """The page as HTML.

    Args:
        run: the run.
        tables: summary, comparison, wrong_class.
        figures: names of the PNG files in figures/, in the order shown.
    """
    manifest = run.manifest
    summary = tables["summary"]
    content = {
        "banner": banner(run.folder),
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
        "findings": findings(run, summary, tables["comparison"], tables["wrong_class"], tables.get("smoothness_pairs"))
        + _unbeaten(run, tables),
        "warnings": warnings(run),
        "caveat": CAVEAT,
        "missing": _missing(run, summary),
        "verdicts": cells(_verdicts(run, tables["comparison"])),
        "headline": cells(_titled(run, headline(run, summary))),
        "summary": cells(summary),
        "comparison": cells(tables["comparison"]),
        **{name: cells(tables[name]) if name in tables else None for name in FOLDED},
        "ranks": cells(tables["ranks"]),
        "gaps": cells(_questions(run, tables["wrong_class"])),
        "figures": [embedded(run.folder / "figures" / f"{name}.png") for name in figures],
        "gallery": gallery_json(run),
        "glossary": cells(_glossary(run)),
        "skipped": cells(run.skipped.head(SHOWN_SKIPPED)),
        "protocols": json.dumps(manifest["protocols"], indent=2),
        "environment": json.dumps(_background(manifest), indent=2, ensure_ascii=False),
    }
    return rendered("report.html", content)


def overview(run: Run, tables: Mapping[str, pd.DataFrame]) -> str:
    """The headline rows and the findings as a piece of HTML, for a notebook."""
    content = {
        "dataset": run.manifest["dataset"],
        "checkpoint": run.manifest["checkpoint"],
        "counts": run.manifest["counts"],
        "findings": findings(
            run, tables["summary"], tables["comparison"], tables["wrong_class"], tables.get("smoothness_pairs")
        ),
        "warnings": warnings(run),
        "headline": cells(_titled(run, headline(run, tables["summary"]))),
    }
    return rendered("overview.html", content)


def headline(run: Run, summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of the methods that are looked at first."""
    return summary[summary["metric"].isin(HEADLINE) & summary["method"].isin(run.methods)]


def _verdicts(run: Run, comparison: pd.DataFrame) -> pd.DataFrame:
    """The headline family in words: who is better at what, by how much, how sure."""
    rows = []
    for row in comparison[comparison["family"].eq("headline")].to_dict("records"):
        first, second = run.title(row["method_a"]), run.title(row["method_b"])
        said = verdict_text(run, row["method_a"], row["method_b"], row["verdict"])
        difference = interval_text(row["mean_difference"], row["ci_low"], row["ci_high"], row["n"])
        least = "nothing: too few images" if pd.isna(row["detectable"]) else f"{row['detectable']:.3f}"
        p = "" if pd.isna(row["p_holm"]) else f"{row['p_holm']:.2g}"
        role = "wrong minus right" if row["role"] == GAP else row["role"]
        rows.append((run.title(row["metric"]), role, said, f"{first} - {second}: {difference}", row["n"], p, least))
    columns = [
        "metric",
        "maps",
        "verdict",
        "difference [interval, 95 % for all together]",
        "n",
        "p (Holm)",
        "could have shown",
    ]
    return pd.DataFrame(rows, columns=columns)


def _questions(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """The gaps in words; strata of single classes and targets are in the file alone."""
    shown = table[table["stratum"].isin(["balanced", "called right", "called wrong", "by call"])]
    shown = table if shown.empty else shown
    rows = [
        (
            run.title(row["method"]),
            row["layer"],
            row["question"],
            run.title(row["statistic"]),
            row["stratum"],
            row["n"],
            row["n_undefined"],
            row["right"],
            interval_text(row["wrong"], row["wrong_low"], row["wrong_high"]),
            interval_text(row["gap"], row["ci_low"], row["ci_high"]),
            "" if pd.isna(row["gap_least"]) else f"{row['gap_least']:.3f} to {row['gap_most']:.3f}",
            "" if pd.isna(row["mirror"]) else f"{row['mirror']:.3f}",
        )
        for row in shown.to_dict("records")
    ]
    columns = [
        "method", "layer", "question", "measured by", "images", "n", "undefined", "right class", "wrong class",
        "wrong - right", "whatever undefined ones are", "mirror",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


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


def _glossary(run: Run) -> pd.DataFrame:
    rows = [
        (
            run.title(name),
            metric["direction"],
            _range(metric["range"]),
            metric["unit"],
            metric["meaning"],
            metric["source"],
        )
        for name, metric in run.manifest["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=["metric", "better", "range", "unit", "meaning", "source"])


def _range(bounds: list[float | None]) -> str:
    low, high = ("unbounded" if bound is None else f"{bound:.3g}" for bound in bounds)
    return f"{low} to {high}"


def _background(manifest: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("checkpoint", "dataset", "config", "device", "versions", "git", "seeds", "timings", "peak_memory_mb")
    return {key: manifest[key] for key in keys if key in manifest}


def cells(table: pd.DataFrame) -> dict[str, Any]:
    """A table as text cells that know whether they are numbers."""
    rows = [
        [{"text": cell_text(value), "number": isinstance(value, int | float)} for value in row]
        for row in table.itertuples(index=False)
    ]
    return {"columns": [str(column) for column in table.columns], "rows": rows}


def embedded(path: Path) -> dict[str, str]:
    """A figure as WebP: sheets of photographs take a tenth of their PNG."""
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").save(buffer, "WEBP", quality=90, method=0)
    return {"name": path.stem, "type": "image/webp", "data": base64.b64encode(buffer.getvalue()).decode()}
