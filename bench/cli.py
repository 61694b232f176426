"""The command line: `cambench run`, `report`, `compare`, `nightly` and the others."""

import argparse
import multiprocessing
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

from bench.commands import (
    accept,
    across,
    certify,
    compare,
    completion,
    convert,
    doctor,
    history,
    lab,
    layers,
    leakage,
    listing,
    nightly,
    pool,
    report,
    run,
    study,
    train,
)
from bench.commands.arguments import VOICE, Parser, Version, add_voice
from bench.errors import Verdict
from bench.process.failures import DONE, explain, no_silent_end, one_line
from bench.process.interrupt import interruptible
from bench.process.voice import speaking

COMMANDS = (
    run, study, lab, train, certify, leakage, pool, across, compare, nightly, accept, history, report, convert, listing,
    layers, doctor, completion,
)  # fmt: skip
ABOUT = "Says with numbers which class activation map explains an image classifier better."
EXAMPLES = """examples:
  cambench run --dataset synthetic --weights catdog-scenes --limit 16 --out runs/first
  cambench run --dataset folder --data-root photos --weights net.pth --out runs/mine
  cambench compare runs/first runs/second
  cambench nightly --config configs/nightly.toml --quiet
  cambench list methods

cambench COMMAND --help shows the options of a command with their defaults."""
LONG = ("run", "study", "lab", "train", "certify", "leakage", "nightly", "report")  # they may be quiet


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
    top = parser()
    if not arguments:
        top.print_help()
        return DONE
    options = top.parse_args(arguments)
    if "command" not in options:
        top.error("a command is missing")
    voice = {name: vars(options).pop(name, False) for name in VOICE}
    try:
        with interruptible(), no_silent_end(), speaking(**voice):
            options.command(options)
            sys.stdout.flush()
    except BaseException as error:  # whatever it is, it ends in one line and an exit code
        code, line = explain(error)
        more = error.details if isinstance(error, Verdict) else ()
        lines = [f"cambench: {one_line(line)}", *(f"  {one_line(detail)}" for detail in more)]
        with suppress(OSError):  # nobody may be there to read it
            print(*lines, sep="\n", file=sys.stderr, flush=True)
        return code
    return DONE


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    top = Parser(prog="cambench", description=ABOUT, epilog=EXAMPLES)
    top.add_argument("--version", action=Version, help="show the version and exit")
    group = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add(group)
    for name in LONG:
        add_voice(group.choices[name])
    group.choices["completion"].set_defaults(whole=top)
    return top
