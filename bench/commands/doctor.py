"""`cambench doctor`: versions, devices, threads and a short self-test; or all that is understood of a network."""

import argparse

from bench.commands.arguments import Commands, add_flags, given
from bench.config import NetworkConfig, load_options


def add(group: Commands) -> None:
    """Its arguments."""
    text = "versions, devices and a short self-test; with --weights, all that is understood of a network"
    parser = group.add_parser("doctor", help=text, description=text)
    add_flags(parser, NetworkConfig)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints what it finds."""
    flags = given(options)
    if flags:
        config = load_options(NetworkConfig, None, flags)
        from bench.run.examination import network_text

        print(network_text(config))
        return
    from bench.selftest import examine

    for line in examine():
        print(line)
