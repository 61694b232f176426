"""`cambench run`: score a data set and write a run directory with its report."""

import argparse

from bench.commands.arguments import Commands, add_options, given
from bench.commands.result import print_result, print_scored
from bench.config import RunConfig, load_config


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("run", help="score a data set and write a run directory with its report")
    add_options(parser, RunConfig)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Scores, and prints what came out."""
    config = load_config(options.config, given(options))
    from bench.run.pipeline import run

    if run(config):
        (print_scored if config.no_report else print_result)(config.out)
