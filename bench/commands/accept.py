"""`cambench accept`: make a night the reference of those after it."""

import argparse

from bench.commands.arguments import PATH, Commands
from bench.errors import ConfigError
from bench.process.failures import one_line


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("accept", help="make a night the reference of those after it")
    parser.add_argument("night", type=PATH, metavar="NIGHT", help="its folder")
    parser.add_argument("--why", required=True, metavar="TEXT", help="kept beside the verdict, shown in the history")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Accepts."""
    if not options.night.exists():
        raise ConfigError(one_line(f"'{options.night}' is not there; give the folder of a night"))
    from bench.nights.accept import accept

    print(f"  {accept(options.night, options.why)}  the reference of the nights after it")
