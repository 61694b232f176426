"""What each command of the command line does with its options; imports late, so that --help answers at once."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.config import load_config, load_options
from bench.errors import GateError, NotComparable
from bench.nightly_config import NightlyConfig
from bench.train_config import TrainConfig


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The flags that were given."""
    return {k: v for k, v in vars(options).items() if k not in ("command", "config")}


def run(options: argparse.Namespace) -> None:
    """`cambench run`."""
    config = load_config(options.config, _given(options))
    from bench.pipeline import run

    if run(config):
        _print_result(config.out)


def train(options: argparse.Namespace) -> None:
    """`cambench train`."""
    from bench.train import train

    written = train(load_options(TrainConfig, options.config, _given(options)))
    print(f"  {written}  the checkpoint: give it with --weights")
    print(f"  {written.with_suffix('.md')}  its model card")


def certify(options: argparse.Namespace) -> None:
    """`cambench certify`."""
    from bench.certify import certify_file

    certificate = certify_file(options.weights, options.scenes, options.device)
    print("\n".join(certificate.lines()))
    if not certificate.passed:
        raise GateError(f"weights '{options.weights}' are not certified, see above")


def lab(options: argparse.Namespace) -> None:
    """`cambench lab`."""
    from bench.lab import lab

    page = lab(options.images, options.weights, options.out, options.layers, options.device)
    print(f"  {page}  prediction, maps and channels of every picture: open it in a browser")
    print(f"  {options.out / 'figures'}  SVG and PNG")


def leakage(options: argparse.Namespace) -> None:
    """`cambench leakage`."""
    from bench.leakage import leakage

    lines, kept = leakage(options.scenes)
    print("\n".join(lines))
    if not kept:
        raise GateError("drawn scenes show the class outside the head, see above")


def pool(options: argparse.Namespace) -> None:
    """`cambench pool`."""
    from reports import pool

    print(pool(options.run_dirs, options.out, options.metrics))
    print(f"  {options.out / 'pooled.csv'}  all rows; also .md and .tex")


def across(options: argparse.Namespace) -> None:
    """`cambench across`."""
    from reports import contrast

    print(contrast(options.run_dirs, options.out))
    print(f"  {options.out / 'across.csv'}  with intervals and controls; also .md and .tex")


def compare(options: argparse.Namespace) -> None:
    """`cambench compare`."""
    from bench.compare import compare
    from bench.gates import Gates, load_gates

    found = compare(options.run_a, options.run_b, load_gates(options.gates) if options.gates else Gates())
    print("\n".join(found.lines()))
    if options.out:
        found.write(options.out)
        print(f"  {options.out / 'compare_quality.csv'}  every metric; also compare_speed and compare_changed")
    _raise_culprits(found.culprits, fail=options.fail_on_regression)


def _raise_culprits(culprits: Sequence[str], *, fail: bool) -> None:
    """Every culprit as one line; the exit code says so if it is to fail."""
    for line in culprits:
        print(f"regression: {line}", file=sys.stderr)
    if culprits and fail:
        raise GateError(f"{len(culprits)} regressions, see above")


def nightly(options: argparse.Namespace) -> None:
    """`cambench nightly`."""
    from bench.nightly import nightly

    verdict = nightly(load_options(NightlyConfig, options.config, _given(options)))
    if verdict.differs:
        raise NotComparable(f"night {verdict.folder.name} {verdict.headline}")
    if not verdict.passed:
        raise GateError(f"night {verdict.folder.name} {verdict.headline}")


def accept(options: argparse.Namespace) -> None:
    """`cambench accept`."""
    from bench.accept import accept

    print(f"  {accept(options.night, options.why)}  the reference of the nights after it")


def history(options: argparse.Namespace) -> None:
    """`cambench history`."""
    from reports.history import render_history

    page = render_history(options.runs_dir, lambda line: print(line, file=sys.stderr))
    print(f"  {page}  all nights: open it in a browser")


def report(options: argparse.Namespace) -> None:
    """`cambench report`."""
    from bench.store import render_again

    render_again(options.run_dir)
    _print_result(options.run_dir)


def _print_result(folder: Path) -> None:
    """The summary table, the findings, what was left out or undefined, and where everything is."""
    from bench.undefined import undefined_lines
    from reports import Run, summary_text
    from reports.counts import data_notes, left_out_text

    print(summary_text(folder), end="\n\n")
    manifest = Run(folder).manifest
    print(f"{manifest['counts']['scored']} images scored, {left_out_text(manifest)}")
    for line in undefined_lines(manifest):
        print(line)
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


def show_list(options: argparse.Namespace) -> None:
    """`cambench list`."""
    from bench.listing import listing

    print(listing(options.kind))


def doctor(_options: argparse.Namespace) -> None:
    """`cambench doctor`."""
    from bench.doctor import examine

    for line in examine():
        print(line)
