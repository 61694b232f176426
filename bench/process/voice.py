"""How much a command says: all, nothing but what is wrong, or how far it is where no terminal shows a bar."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

_periodic = [False]


@contextmanager
def speaking(*, quiet: bool, progress: bool) -> Iterator[None]:
    """Inside, the command says as much as its flags ask for.

    Args:
        quiet: nothing on stdout and stderr; what ends the command is told outside.
        progress: periodic lines on stderr, although it is no terminal.
    """
    before, _periodic[0] = _periodic[0], progress and not quiet
    try:
        if not quiet:
            yield
            return
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nothing,
            redirect_stdout(nothing),
            redirect_stderr(nothing),
        ):
            yield
    finally:
        _periodic[0] = before


def periodic() -> bool:
    """Whether lines that tell how far the work is go to stderr."""
    return _periodic[0]


def announce(line: str) -> None:
    """One line on stdout, at once: what begins now, what comes next."""
    print(line, file=sys.stdout, flush=True)
