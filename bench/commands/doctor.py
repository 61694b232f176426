"""`cambench doctor`: versions, devices, threads and a short self-test."""

import argparse

from bench.commands.arguments import Commands


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("doctor", help="versions, devices, threads and a short self-test")
    parser.set_defaults(command=execute)


def execute(_options: argparse.Namespace) -> None:
    """Prints what it finds."""
    from bench.selftest import examine

    for line in examine():
        print(line)
