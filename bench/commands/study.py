"""`cambench study`: networks x data sets, a run directory per cell, one verdict over all of them."""

import argparse

from bench.commands.arguments import PATH, Commands


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("study", help="networks x data sets: one run directory per cell, one verdict over all")
    parser.add_argument(
        "study", type=PATH, metavar="STUDY.toml", help="networks, data sets and options (docs/using.md)"
    )
    parser.add_argument("--out", type=PATH, metavar="DIR", help="folder of the study (default: out of the file)")
    parser.add_argument("--resume", action="store_true", help="go on with what is missing, keeping finished cells")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Scores the cells, and prints the answers."""
    from bench.studies.config import load_study
    from bench.studies.study import study

    study(load_study(options.study, options.out), resume=options.resume)
