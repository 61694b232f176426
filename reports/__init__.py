"""What people look at: tables, figures and one page, from a run directory and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reports.csvfiles import read_csv
from reports.figures.critical_difference import critical_difference_figure
from reports.figures.curves import curve_figures
from reports.figures.differences import correlation_figure, difference_figures, reliability_figure
from reports.figures.distributions import distribution_figures, gap_figure
from reports.figures.latency import latency_figures
from reports.figures.overlays import overlay_figures
from reports.figures.smoothness import smoothness_figure
from reports.figures.style import style
from reports.figures.substrates import substrate_figure
from reports.files import aligned, cell_text, save_figure, write_atomic, write_table
from reports.numbers import interval_text
from reports.pages.report import headline, overview, page
from reports.pages.stale import remove_stale
from reports.plain import visible
from reports.runs.latency import LATENCY_FILE, latency_table, shown_latency
from reports.runs.run import RUNGS, ReportError, Run
from reports.tables.across import across, agreement_text
from reports.tables.comparison import COMPARISON, comparison
from reports.tables.controls import CONTROLS, control_table, unbeaten
from reports.tables.dispersion import WRONG_CLASS, scatter_gap, wrong_class
from reports.tables.findings import findings
from reports.tables.first_rows import first_rows
from reports.tables.mean_ranks import mean_rank_table
from reports.tables.pooled import pooled
from reports.tables.ranking import ranking
from reports.tables.reliability import metric_correlation, reliability
from reports.tables.sanity import CHECKS, sanity
from reports.tables.smoothness import AT_BEST, smoothness, smoothness_text
from reports.tables.strata import strata
from reports.tables.substrates import SUBSTRATES, substrate_table
from reports.tables.summary import SUMMARY, summary
from reports.tables.validation import validation
from reports.text import file_stem

__all__ = [
    "ReportError", "Run", "contrast", "figure_of", "overview", "pool", "render", "summary_text", "tables_of", "text_of",
]  # fmt: skip

ROWS, WIDEST = 12, 100  # of the table in a terminal: rows, and columns of letters


def render(folder: Path) -> Path:
    """Writes tables/, figures/ and report.html of a run; needs neither model nor data set.

    Args:
        folder: the run directory.

    Returns:
        Path of report.html.

    Raises:
        ReportError: no run, not complete, another schema version, or a damaged file.
    """
    run = Run(folder)
    tables = tables_of(run)
    for name, table in tables.items():
        write_table(folder / "tables", name, table, shown_latency(table) if name == "latency" else None)
    names: list[str] = []
    with style():
        for name, figure in _figures(run, tables):
            names.append(file_stem(name, names))
            save_figure(folder / "figures", names[-1], figure)
    remove_stale(run, tables, names)
    write_atomic(folder / "report.html", page(run, tables, names).encode())
    return folder / "report.html"


def tables_of(run: Run) -> dict[str, pd.DataFrame]:
    """The tables of a run by name, those that it has numbers for."""
    tables = {
        "summary": summary(run),
        "comparison": comparison(run),
        "wrong_class": wrong_class(run),
        "strata": strata(run),
        "ranks": mean_rank_table(run),
        "ranking": ranking(run),
        "reliability": reliability(run),
        "metric_correlation": metric_correlation(run),
    }
    if len(scattered := scatter_gap(tables["wrong_class"])):
        tables["scatter_gap"] = scattered
    if (run.folder / LATENCY_FILE).exists():
        tables["latency"] = latency_table(run)
    if len(under := substrate_table(run)):
        tables["substrates"] = under
    if run.smoothed:
        tables["smoothness"], tables["smoothness_pairs"] = smoothness(run)
    if run.controls:
        tables["controls"] = control_table(run)
    if set(CHECKS) & set(run.manifest["metrics"]):
        tables["sanity"] = sanity(run, tables["summary"])
    if set(RUNGS) <= set(run.methods):
        tables["validation"] = validation(run)
    return tables


def figure_of(run: Run, tables: dict[str, pd.DataFrame], name: str) -> Figure:
    """One figure of a run: that of this name, else the first whose name begins so; any pair of methods has one.

    Raises:
        ReportError: there is none; the message gives the names.
    """
    names = []
    with style():
        for found, figure in _figures(run, tables, every=True):
            if found.startswith(name):
                return figure
            names.append(found)
    raise ReportError(f"figure is '{visible(name)}', expected one of {', '.join(map(visible, names)) or 'none'}")


def summary_text(folder: Path, *, every: bool = False) -> str:
    """The headline rows of the methods as aligned text, and the findings in words; from tables/ alone.

    Args:
        folder: of the run.
        every: all headline rows, not the first twelve.
    """
    run = Run(folder)
    columns = {"summary": SUMMARY, "comparison": COMPARISON, "wrong_class": WRONG_CLASS}
    columns |= {"smoothness_pairs": AT_BEST} if run.smoothed else {}
    optional = {"substrates": SUBSTRATES, "controls": CONTROLS}  # reports of before have none
    columns |= {name: own for name, own in optional.items() if (folder / "tables" / f"{name}.csv").exists()}
    tables = {name: read_csv(folder / "tables" / f"{name}.csv", needed) for name, needed in columns.items()}
    return text_of(run, tables, every=every)


def text_of(run: Run, tables: Mapping[str, pd.DataFrame], *, every: bool = False) -> str:
    """The same from the tables."""
    rows = headline(run, tables["summary"])
    table = rows if every else first_rows(run, rows, ROWS)
    cells = [("method", "layer", "role", "metric", "n", "undefined", "mean [95 % interval]")]
    for row in table.to_dict("records"):
        values = [row[name] for name in ("method", "layer", "role", "metric", "n", "n_undefined")]
        text = interval_text(row["mean"], row["ci_low"], row["ci_high"])
        cells.append((*map(cell_text, values), text))  # type: ignore[arg-type]
    judged = ("smoothness_pairs", "substrates")
    said = findings(
        run, tables["summary"], tables["comparison"], tables["wrong_class"], *(tables.get(name) for name in judged)
    )
    said += unbeaten(run, tables["controls"]) if "controls" in tables else []
    more = [f"and {len(rows) - len(table)} rows more: --table all"] if len(table) < len(rows) else []
    return "\n".join([aligned(cells, WIDEST), *more, "", *said])


def pool(folders: Sequence[Path], out: Path, metrics: Sequence[str] | None = None) -> str:
    """Writes pooled.csv, .md and .tex over runs that differ in their network (see `reports.tables.pooled`).

    Args:
        folders: of the runs.
        out: folder of the table.
        metrics: the rows to keep; None keeps all.

    Returns:
        The headline rows of right and present maps as aligned text.

    Raises:
        ReportError: a folder that is no run, runs that do not belong together, or a metric that they do not have.
    """
    runs = [Run(folder) for folder in folders]
    table = pooled(runs)
    missing = set(metrics or ()) - set(table["metric"])
    if missing:
        raise ReportError(
            f"metric '{min(missing)}' is not in these runs; there are: {', '.join(table['metric'].unique())}"
        )
    if metrics is not None:
        table = table[table["metric"].isin(metrics)]
    write_table(out, "pooled", table)
    shown = headline(runs[0], table[table["role"] != "wrong"])
    cells = [("method", "layer", "role", "metric", "n", "mean [95 % interval]", "single networks")]
    for row in shown.to_dict("records"):
        values = [cell_text(row[name]) for name in ("method", "layer", "role", "metric", "n")]
        spread = f"{row['lowest']:.3f} to {row['highest']:.3f}" if row["n"] else ""
        cells.append((*values, interval_text(row["mean"], row["ci_low"], row["ci_high"]), spread))  # type: ignore[arg-type]
    return aligned(cells)


def contrast(folders: Sequence[Path], out: Path) -> str:
    """Writes across.csv, .md, .tex and .txt over runs on several data sets (see `reports.tables.across`).

    Args:
        folders: of the runs, at least two.
        out: folder of the table.

    Returns:
        A sentence per headline metric.

    Raises:
        ReportError: a folder that is no run, or runs of other methods.
    """
    runs = [Run(folder) for folder in folders]
    table = across(runs)
    write_table(out, "across", table)
    text = "\n".join(agreement_text(runs, table))
    write_atomic(out / "across.txt", f"{text}\n".encode())
    return text


def _figures(run: Run, tables: dict[str, pd.DataFrame], *, every: bool = False) -> Iterator[tuple[str, Figure]]:
    """All figures in the order the page shows them, one at a time; with `every` those of more pairs than it shows."""
    yield from curve_figures(run, tables["summary"])
    pairs = tables.get("smoothness_pairs")
    yield from substrate_figure(run, tables.get("substrates"))
    yield from smoothness_figure(run, tables.get("smoothness"), smoothness_text(run, pairs))
    yield from difference_figures(run, tables["comparison"], every=every)
    yield from critical_difference_figure(run, tables["ranks"])
    yield from gap_figure(run, tables["wrong_class"])
    yield from overlay_figures(run)
    yield from distribution_figures(run)
    yield from reliability_figure(run, tables["reliability"])
    yield from correlation_figure(run, tables["metric_correlation"])
    yield from latency_figures(run, tables.get("latency"), tables["summary"])
