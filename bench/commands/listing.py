"""`cambench list`: what there is to choose from."""

import argparse

from bench.commands.arguments import Commands


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("list", help="what there is to choose from")
    parser.add_argument("kind", choices=("methods", "metrics", "protocols", "datasets", "architectures", "weights"))
    parser.add_argument("--verbose", action="store_true", help="with formulas and what methods and metrics need")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the table."""
    from bench.listing import listing

    print(listing(options.kind, verbose=options.verbose))
