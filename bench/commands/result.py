"""What a run, or its report, prints when it is done."""

import textwrap
from pathlib import Path
from shlex import quote
from typing import Any

from bench.commands.arguments import WIDEST


def print_result(folder: Path, *, every: bool = False) -> None:
    """The summary table, the findings, what was left out or undefined, and where everything is.

    Args:
        folder: of the run.
        every: all rows of the table, not the first twelve.
    """
    from reports import Run, summary_text
    from reports.counts import data_notes

    print(wrapped(summary_text(folder, every=every)), end="\n\n")
    manifest = Run(folder).manifest
    _print_counts(manifest)
    for name, size in manifest["layers"].items():
        print(f"layer {name}: {size['channels']} x {size['height']} x {size['width']}")
    for note in data_notes(manifest):
        print(f"data set: {note}")
    print()
    for name, content in (
        ("report.html", "the report: open it in a browser"),
        ("tables", "summary and dispersion as CSV, Markdown, LaTeX"),
        ("figures", "SVG and PNG"),
        ("scores.parquet", "one row per image, map and metric"),
        ("skipped.csv", "what could not be scored, and why"),
    ):
        print(f"  {folder / name}  {content}")


def wrapped(text: str) -> str:
    """Text whose sentences are at most 100 letters wide."""
    return "\n".join(
        line if len(line) <= WIDEST else textwrap.fill(line, WIDEST, subsequent_indent="  ", break_on_hyphens=False)
        for line in text.split("\n")
    )


def print_scored(folder: Path) -> None:
    """What was scored, left out or undefined, and how the report is drawn that was not."""
    from reports import Run

    _print_counts(Run(folder).manifest)
    print(f"no report was drawn; cambench report {quote(str(folder))} draws tables, figures and page")


def _print_counts(manifest: dict[str, Any]) -> None:
    from bench.run.undefined import undefined_lines
    from reports.counts import left_out_text

    print(f"{manifest['counts']['scored']} images scored, {left_out_text(manifest)}")
    for line in undefined_lines(manifest):
        print(line)
