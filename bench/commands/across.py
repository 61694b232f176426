"""`cambench across`: the verdicts of several data sets side by side."""

import argparse

from bench.commands.arguments import PATH, Commands


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("across", help="the verdicts of runs on several data sets side by side")
    parser.add_argument("run_dirs", type=PATH, nargs="+", metavar="RUN_DIR", help="at least two, of the same methods")
    parser.add_argument("--out", type=PATH, required=True, metavar="DIR", help="folder of the table")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the table."""
    from reports import contrast

    print(contrast(options.run_dirs, options.out))
    print(f"  {options.out / 'across.csv'}  with intervals and controls; also .md and .tex")
