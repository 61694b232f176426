"""What a command that ended in an exception says, and its exit code."""

import errno
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from bench.errors import ConfigError, GateError, NotComparable

DONE, FAILED, UNUSABLE, NOT_COMPARABLE, INTERRUPTED = 0, 1, 2, 3, 130
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
KEPT = "finished work is kept, go on with --resume"


@contextmanager
def no_silent_end() -> Iterator[None]:
    """Inside, `os._exit` in this thread raises SystemExit: no code that is called ends a command as if all were well.

    Other threads and forked children end as they ask to.
    """
    exit_at_once, here = os._exit, (os.getpid(), threading.get_ident())

    def raising(status: int) -> NoReturn:
        if (os.getpid(), threading.get_ident()) == here:
            raise SystemExit(status)
        exit_at_once(status)

    os._exit = raising
    try:
        yield
    finally:
        os._exit = exit_at_once


def explain(error: BaseException) -> tuple[int, str]:
    """Exit code and the one line for a person; what nobody expects gets its traceback on stderr before.

    1 is a regression or a failed gate and nothing else; 2 is what cannot be used, or what broke; 3 a night that
    cannot be compared; 130 an interruption.
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; finished work is kept, go on with --resume (a training: the same command)"
    if isinstance(error, GateError):
        return FAILED, str(error)
    if isinstance(error, NotComparable):
        return NOT_COMPARABLE, str(error)
    if isinstance(error, _unusable()):
        return UNUSABLE, str(error)
    if isinstance(error, OSError):
        return UNUSABLE, _of_the_system(error)
    if memory := _memory(error):
        return UNUSABLE, memory
    if isinstance(error, SystemExit):
        return UNUSABLE, f"code that this command called ended the process (exit code {error.code}); mend it, {KEPT}"
    traceback.print_exception(error)
    last = traceback.format_exception_only(error)[-1].strip()
    return UNUSABLE, f"internal error ({last}); please report it with the lines above, {KEPT}"


def one_line(text: str) -> str:
    """The text with line breaks, control characters and what turns the direction of writing made visible."""
    joined = " ".join(text.splitlines())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in joined)


def _unusable() -> tuple[type[ValueError], ...]:
    """Errors that say what to mend; of the packages that are loaded, so that a command loads no more than it needs."""
    names = (
        ("cam", "LayerError"), ("cam", "MethodError"), ("datasets", "DatasetError"), ("metrics", "MetricError"),
        ("reports", "ReportError"), ("weights", "WeightsError"),
    )  # fmt: skip
    found = [getattr(sys.modules.get(module), name, None) for module, name in names]
    return ConfigError, *(kind for kind in found if kind is not None)


def _of_the_system(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if isinstance(error, BrokenPipeError) and error.filename is None:
        return f"nobody reads the output any more ({reason}); {KEPT}"
    where = f" '{error.filename}'" if error.filename else ""
    remedy = "make room on the disk" if error.errno in FULL else "mend that"
    return f"writing or reading{where} failed: {reason}; {remedy} and go on with --resume, finished work is kept"


def _memory(error: BaseException) -> str | None:
    """What to do where memory ran out, on the GPU or in the machine; None for other errors."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return "the GPU's memory does not suffice; use a smaller --batch-size and another --out"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "memory does not suffice; use fewer --workers and --resume, or a smaller --batch-size and another --out"
    return None
