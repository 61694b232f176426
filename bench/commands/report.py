"""`cambench report`: tables, figures and page of a run again."""

import argparse

from bench.commands.arguments import PATH, Commands, add_table
from bench.commands.quick import require_runs
from bench.commands.result import print_result
from bench.process.voice import announce


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("report", help="render tables, figures and HTML of a run again")
    parser.add_argument("run_dir", type=PATH, metavar="RUN_DIR", help="the --out folder of cambench run")
    add_table(parser)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Renders, and prints what came out."""
    require_runs(options.run_dir)
    from bench.run.store import render_again

    announce("drawing the report")
    render_again(options.run_dir)
    print_result(options.run_dir, every=options.table == "all")
