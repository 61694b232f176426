"""`cambench run`: score a data set and write a run directory with its report."""

import argparse

from bench.commands.arguments import Commands, add_options, add_table, given
from bench.commands.quick import require_inputs
from bench.commands.result import print_result, print_scored
from bench.config import RunConfig, load_config

USAGE = "cambench run --dataset NAME --weights FILE|NAME --out DIR [options]"
EXAMPLES = """examples:
  cambench run --dataset synthetic --weights catdog-scenes --limit 16 --out runs/first
  cambench run --dataset folder --data-root photos --weights net.pth --protocols srg --out runs/mine
  cambench run --config my.toml --limit 50 --out runs/some"""


def add(group: Commands) -> None:
    """Its arguments."""
    text = "score a data set and write a run directory with its report"
    parser = group.add_parser("run", help=text, description=text, usage=USAGE, epilog=EXAMPLES)
    add_options(parser, RunConfig)
    add_table(parser)
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Scores, and prints what came out."""
    config = load_config(options.config, given(options))
    require_inputs(config)
    from bench.run.pipeline import run

    if run(config):
        if config.no_report:
            print_scored(config.out)
        else:
            print_result(config.out, every=options.table == "all")
