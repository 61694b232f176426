"""`cambench nightly`: run, time, compare with the last good night; the exit code is the verdict."""

import argparse

from bench.commands.arguments import Commands, add_options, given
from bench.config import load_config, load_options
from bench.errors import GateError, NotComparable
from bench.nights.config import NightlyConfig


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("nightly", help="run, time, compare with the last good night, history")
    add_options(parser, NightlyConfig)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """One night.

    Raises:
        GateError: a regression.
        NotComparable: no night that this one can be held against.
    """
    config = load_options(NightlyConfig, options.config, given(options))
    load_config(config.run, {"out": str(config.root)})  # complains before a night is begun
    from bench.nights.nightly import nightly

    verdict = nightly(config)
    if verdict.differs:
        raise NotComparable(verdict.headline, verdict.details)
    if not verdict.passed:
        raise GateError(verdict.headline, verdict.details)
