"""`cambench list`: what there is to choose from."""

import argparse

from bench.commands.arguments import Commands

KINDS = ("methods", "metrics", "protocols", "datasets", "architectures", "weights")


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("list", help="what there is to choose from")
    parser.add_argument("kind", choices=KINDS, help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}")
    parser.add_argument("--verbose", action="store_true", help="with formulas and what methods and metrics need")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the table."""
    from bench.remembered import remembered

    print(remembered(options.kind, verbose=options.verbose))
