"""The command line: `cambench run`, `report`, `compare`, `nightly` and the others."""

import argparse
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from io import TextIOWrapper
from typing import Any, NoReturn

from bench import commands
from bench.config import RunConfig
from bench.failures import DONE, UNUSABLE, explain, one_line
from bench.interrupt import interruptible
from bench.nightly_config import NightlyConfig
from bench.options import as_integer, as_names, as_path, as_text
from bench.train_config import TrainConfig


def _checked(parse: Callable[[Any], Any]) -> Callable[[str], Any]:
    """An argument type of argparse from a parser of options."""

    def parse_argument(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"is '{text}', {error}") from error

    return parse_argument


PATH = _checked(as_path)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(UNUSABLE, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


def entry_point() -> NoReturn:
    """The installed command."""
    try:
        code = main(sys.argv[1:])
    except SystemExit as stopped:  # of argparse: help was printed, or the line that says what is wrong
        code = stopped.code if isinstance(stopped.code, int) else DONE
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # its reader is gone or its disk full, which was said: not again on the way out
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    _leave_behind(code)
    sys.exit(code)


def _leave_behind(code: int) -> None:
    """Ends at once if threads or processes of somebody else's, a user's function say, would be waited for."""
    processes = multiprocessing.active_children()
    threads = [thread for thread in threading.enumerate() if not thread.daemon and thread.name != "MainThread"]
    if not threads and not processes:
        return
    for process in processes:
        process.kill()
    os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 1 failed gate, 2 unusable or broken, 3 not comparable, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may lack letters of a name
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        with interruptible():
            options.command(options)
            sys.stdout.flush()
    except BaseException as error:  # whatever it is, it ends in one line and an exit code
        code, line = explain(error)
        with suppress(OSError):  # nobody may be there to read it
            print(f"cambench: {one_line(line)}", file=sys.stderr, flush=True)
        return code
    return DONE


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = _Parser(prog="cambench", description="Scores class activation maps on photographs of cats and dogs.")
    group = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for add in (_add_scoring, _add_scenes, _add_nights, _add_looking):
        add(group)
    return top


def _add_scoring(group: "argparse._SubParsersAction[_Parser]") -> None:
    """What needs a network and images."""
    run = group.add_parser("run", help="score a data set and write a run directory with its report")
    _add_options(run, RunConfig)
    run.set_defaults(command=commands.run)
    lab = group.add_parser("lab", help="the lab's figures of a few pictures: prediction, channels, maps")
    lab.add_argument("images", type=PATH, nargs="+", metavar="IMAGE", help="the name says cat, dog or both")
    lab.add_argument("--weights", type=PATH, required=True, metavar="FILE|NAME")
    lab.add_argument("--out", type=PATH, required=True, metavar="DIR")
    lab.add_argument(
        "--layers",
        type=_checked(as_names),
        metavar="a,b",
        help="layers to tap (default: the last ReLU and the pooling after it)",
    )
    lab.add_argument("--device", type=_checked(as_text), default="auto", metavar="NAME")
    lab.set_defaults(command=commands.lab)
    train = group.add_parser("train", help="train a checkpoint")
    _add_options(train, TrainConfig)
    train.set_defaults(command=commands.train)


def _add_scenes(group: "argparse._SubParsersAction[_Parser]") -> None:
    """What drawn scenes, and several runs, tell."""
    certify = group.add_parser("certify", help="test on drawn scenes what a checkpoint uses")
    certify.add_argument("--weights", type=PATH, required=True, metavar="FILE|NAME")
    certify.add_argument(
        "--scenes", type=_checked(as_integer(1, 1_000_000)), default=500, metavar="N", help="how many (default: 500)"
    )
    certify.add_argument("--device", type=_checked(as_text), default="auto", metavar="NAME")
    certify.set_defaults(command=commands.certify)
    leakage = group.add_parser("leakage", help="test that drawn scenes show the class in the head alone")
    leakage.add_argument(
        "--scenes", type=_checked(as_integer(1, 1_000_000)), default=2000, metavar="N", help="held out (default: 2000)"
    )
    leakage.set_defaults(command=commands.leakage)
    pool = group.add_parser("pool", help="one table over runs that differ in their network alone")
    pool.add_argument("run_dirs", type=PATH, nargs="+", metavar="RUN_DIR")
    pool.add_argument("--out", type=PATH, required=True, metavar="DIR", help="folder of the table")
    pool.add_argument("--metrics", type=_checked(as_names), metavar="a,b", help="those rows alone (default: all)")
    pool.set_defaults(command=commands.pool)
    across = group.add_parser("across", help="the verdicts of runs on several data sets side by side")
    across.add_argument("run_dirs", type=PATH, nargs="+", metavar="RUN_DIR", help="at least two, of the same methods")
    across.add_argument("--out", type=PATH, required=True, metavar="DIR", help="folder of the table")
    across.set_defaults(command=commands.across)


def _add_nights(group: "argparse._SubParsersAction[_Parser]") -> None:
    """Run against run, night after night."""
    compare = group.add_parser("compare", help="what changed between two runs of the same job")
    compare.add_argument("run_a", type=PATH, metavar="RUN_A", help="the earlier run")
    compare.add_argument("run_b", type=PATH, metavar="RUN_B")
    compare.add_argument("--gates", type=PATH, metavar="FILE.toml", help="tolerances (default: 0.002, speed 5 %%)")
    compare.add_argument("--fail-on-regression", action="store_true", help="exit 1 if a gate fails")
    compare.add_argument("--out", type=PATH, metavar="DIR", help="write the tables there")
    compare.set_defaults(command=commands.compare)
    nightly = group.add_parser("nightly", help="run, time, compare with the last good night, history")
    _add_options(nightly, NightlyConfig)
    nightly.set_defaults(command=commands.nightly)
    accept = group.add_parser("accept", help="make a night the reference of those after it")
    accept.add_argument("night", type=PATH, metavar="NIGHT", help="its folder")
    accept.add_argument("--why", required=True, metavar="TEXT", help="kept beside the verdict, shown in the history")
    accept.set_defaults(command=commands.accept)
    history = group.add_parser("history", help="every metric and speed over nights, with change points")
    history.add_argument("runs_dir", type=PATH, metavar="RUNS_DIR", help="folder of the nights' runs")
    history.set_defaults(command=commands.history)


def _add_looking(group: "argparse._SubParsersAction[_Parser]") -> None:
    """What needs nothing new."""
    report = group.add_parser("report", help="render tables, figures and HTML of a run again")
    report.add_argument("run_dir", type=PATH, metavar="RUN_DIR")
    report.set_defaults(command=commands.report)
    listing = group.add_parser("list", help="what there is to choose from")
    listing.add_argument("kind", choices=("methods", "metrics", "protocols", "datasets", "architectures", "weights"))
    listing.set_defaults(command=commands.show_list)
    doctor = group.add_parser("doctor", help="versions, devices, threads and a short self-test")
    doctor.set_defaults(command=commands.doctor)


def _add_options(
    parser: argparse.ArgumentParser, kind: type[RunConfig] | type[TrainConfig] | type[NightlyConfig]
) -> None:
    """A flag per field, and --config for the same by name in a file."""
    parser.add_argument("--config", type=PATH, metavar="FILE.toml", help="options by name; flags override them")
    for option in fields(kind):
        flag, metavar = f"--{option.name.replace('_', '-')}", option.metadata["metavar"]
        action = {"metavar": metavar} if metavar else {"action": "store_true"}
        parser.add_argument(flag, help=option.metadata["help"], default=argparse.SUPPRESS, **action)
