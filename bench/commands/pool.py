"""`cambench pool`: one table over runs that differ in their network alone."""

import argparse

from bench.commands.arguments import PATH, Commands, checked
from bench.options import as_names


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("pool", help="one table over runs that differ in their network alone")
    parser.add_argument("run_dirs", type=PATH, nargs="+", metavar="RUN_DIR")
    parser.add_argument("--out", type=PATH, required=True, metavar="DIR", help="folder of the table")
    parser.add_argument("--metrics", type=checked(as_names), metavar="a,b", help="those rows alone (default: all)")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the table."""
    from reports import pool

    print(pool(options.run_dirs, options.out, options.metrics))
    print(f"  {options.out / 'pooled.csv'}  all rows; also .md and .tex")
