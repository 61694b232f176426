"""`cambench certify`: what a checkpoint uses, asked with drawn scenes."""

import argparse

from bench.commands.arguments import PATH, Commands, checked
from bench.errors import GateError
from bench.options import as_integer, as_text


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("certify", help="test on drawn scenes what a checkpoint uses")
    parser.add_argument("--weights", type=PATH, required=True, metavar="FILE|NAME")
    scenes = checked(as_integer(1, 1_000_000))
    parser.add_argument("--scenes", type=scenes, default=500, metavar="N", help="how many (default: 500)")
    parser.add_argument("--device", type=checked(as_text), default="auto", metavar="NAME")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the certificate.

    Raises:
        GateError: not certified.
    """
    from bench.scenes.certify import certify_file

    certificate = certify_file(options.weights, options.scenes, options.device)
    print("\n".join(certificate.lines()))
    if not certificate.passed:
        raise GateError(f"weights '{options.weights}' are not certified, see above")
