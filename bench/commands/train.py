"""`cambench train`: a checkpoint from a data set."""

import argparse

from bench.commands.arguments import Commands, add_options, given
from bench.config import load_options
from bench.training.config import TrainConfig


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("train", help="train a checkpoint")
    add_options(parser, TrainConfig)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Trains, and prints where the checkpoint is."""
    from bench.training.train import train

    written = train(load_options(TrainConfig, options.config, given(options)))
    print(f"  {written}  the checkpoint: give it with --weights")
    print(f"  {written.with_suffix('.md')}  its model card")
