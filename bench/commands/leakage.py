"""`cambench leakage`: do drawn scenes show the class in the head alone?"""

import argparse

from bench.commands.arguments import Commands, checked
from bench.errors import GateError
from bench.options import as_integer


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("leakage", help="test that drawn scenes show the class in the head alone")
    scenes = checked(as_integer(1, 1_000_000))
    parser.add_argument("--scenes", type=scenes, default=2000, metavar="N", help="held out (default: 2000)")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints what a network finds.

    Raises:
        GateError: it finds the class outside the head.
    """
    from bench.scenes.leakage import leakage

    lines, kept = leakage(options.scenes)
    print("\n".join(lines))
    if not kept:
        raise GateError("drawn scenes show the class outside the head, see above")
