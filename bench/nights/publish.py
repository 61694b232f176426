"""What a comparison leaves: tables, compare.html with the images that moved most, compare.md for a pull request."""

from pathlib import Path

import pandas as pd

from bench.nights.two_runs import ROWS, Comparison
from bench.nights.words import changes_in_words
from reports.files import write_atomic, write_table
from reports.pages.compare import Told, render_compare
from reports.plain import visible
from reports.text import markdown

PAGE, COMMENT = "compare.html", "compare.md"


def write(found: Comparison, out: Path) -> None:
    """Writes compare_quality, compare_speed and compare_changed (CSV, Markdown, LaTeX), the page and the comment."""
    for name, table in (("quality", found.quality), ("speed", found.speed), ("changed", found.changed)):
        write_table(out, f"compare_{name}", table)
    words = [visible(line) for line in (*changes_in_words(found.first, found.second, found.changed), *found.new)]
    told = Told(found.headline, found.details, words, titled(found), [visible(line) for line in found.culprits])
    render_compare(out, found.first, found.second, told)
    write_atomic(out / COMMENT, comment(found, words).encode("utf-8", "backslashreplace"))


def titled(found: Comparison, most: int | None = None) -> pd.DataFrame:
    """The headline table with titles instead of names."""
    table, run = found.table(most), found.second
    return table.assign(metric=table["metric"].map(run.title), method=table["method"].map(run.title))


def comment(found: Comparison, words: list[str]) -> str:
    """The comparison as a comment of a pull request: the verdict, a few lines, a table, and the rest folded."""
    table = titled(found, ROWS)
    lines = [f"### cambench {markdown(found.headline)}", "", *(f"- {markdown(line)}" for line in found.details), ""]
    if len(table):
        lines += ["| " + " | ".join(map(markdown, table.columns)) + " |", "|---" * table.shape[1] + "|"]
        lines += ["| " + " | ".join(map(markdown, row)) + " |" for row in table.itertuples(index=False, name=None)]
    more = len(found.table()) - len(table)
    lines += ["", f"{more} more rows are in {PAGE}." * (more > 0)]
    lines += ["<details><summary>What changed around them</summary>", "", *(f"- {markdown(line)}" for line in words)]
    before, after = (markdown(run.folder.name) for run in (found.first, found.second))
    last = f"Before: {before}. After: {after}. Images side by side: {PAGE}."
    return "\n".join([*lines, "", "</details>", "", last]) + "\n"
