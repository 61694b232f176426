"""What a run, or its report, prints when it is done."""

from pathlib import Path


def print_result(folder: Path) -> None:
    """The summary table, the findings, what was left out or undefined, and where everything is."""
    from bench.run.undefined import undefined_lines
    from reports import Run, summary_text
    from reports.counts import data_notes, left_out_text

    print(summary_text(folder), end="\n\n")
    manifest = Run(folder).manifest
    print(f"{manifest['counts']['scored']} images scored, {left_out_text(manifest)}")
    for line in undefined_lines(manifest):
        print(line)
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
