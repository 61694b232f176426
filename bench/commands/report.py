"""`cambench report`: tables, figures and page of a run again."""

import argparse

from bench.commands.arguments import PATH, Commands
from bench.commands.result import print_result


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("report", help="render tables, figures and HTML of a run again")
    parser.add_argument("run_dir", type=PATH, metavar="RUN_DIR")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Renders, and prints what came out."""
    from bench.run.store import render_again

    render_again(options.run_dir)
    print_result(options.run_dir)
