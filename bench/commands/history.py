"""`cambench history`: every metric and speed over nights."""

import argparse
import sys

from bench.commands.arguments import PATH, Commands
from bench.commands.quick import require_folder


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("history", help="every metric and speed over nights, with change points")
    parser.add_argument("runs_dir", type=PATH, metavar="RUNS_DIR", help="folder of the nights' runs")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Draws the page."""
    require_folder(options.runs_dir)
    from reports.pages.history import render_history

    page = render_history(options.runs_dir, lambda line: print(line, file=sys.stderr))
    print(f"  {page}  all nights: open it in a browser")
