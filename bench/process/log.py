"""All that a command prints, in a file as well."""

import io
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

_open: list[list[TextIO]] = []  # logs that are written to now, the innermost last


def aside(line: str) -> None:
    """Writes a line to the log alone, if there is one."""
    if _open:
        _try_to_write(_open[-1], f"{line}\n")


def terminal() -> TextIO | None:
    """The terminal that stderr leads to, also where a log takes a copy; None where it leads elsewhere."""
    stream = sys.stderr
    while isinstance(stream, _Both):
        stream = stream.beneath
    return stream if stream is not None and stream.isatty() else None


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Inside, stdout and stderr go to the end of the file as well, and so does the traceback of what fails.

    What can no longer be written to (a closed terminal, a pipe that nobody reads, a log on a full disk) is left alone:
    the work goes on, and the other one is told.
    """
    log = path.open("a", encoding="utf-8", errors="backslashreplace")
    shared: list[TextIO] = [log]
    _open.append(shared)
    try:
        with redirect_stdout(_Both(sys.stdout, shared)), redirect_stderr(_Both(sys.stderr, shared)):
            yield
    except BaseException:
        _try_to_write(shared, traceback.format_exc())
        raise
    finally:
        _open.pop()
        with suppress(OSError):  # what could be written has been
            log.close()


class _Both(io.TextIOBase):
    """A stream, if there is one, and a log; never a terminal, so that no bar gets into the log.

    Args:
        stream: where the text would go without a log; None in a process without terminal.
        shared: the log, taken out of the list where it cannot be written to.
    """

    errors = "backslashreplace"

    def __init__(self, stream: TextIO | None, shared: list[TextIO]) -> None:
        self._stream: list[TextIO] = [stream] if stream is not None else []
        self._shared = shared

    @property
    def beneath(self) -> TextIO | None:
        """The stream without the log."""
        return self._stream[0] if self._stream else None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream."""
        return str(getattr(self._stream[0], "encoding", None) or "utf-8") if self._stream else "utf-8"

    def fileno(self) -> int:
        """Of the stream, for child processes."""
        if not self._stream:
            raise io.UnsupportedOperation("fileno: no stream")
        return self._stream[0].fileno()

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Never."""
        return False

    def write(self, text: str) -> int:
        """To both."""
        told = text.encode(self.encoding, self.errors).decode(self.encoding, "replace")
        for streams, line, others in ((self._stream, told, self._shared), (self._shared, text, self._stream)):
            if problem := _try_to_write(streams, line):
                _try_to_write(others, problem)
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def _try_to_write(streams: list[TextIO], text: str) -> str:
    """Writes to the one stream in the list; what went wrong, once: the stream is then taken out."""
    for stream in streams[:]:
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError) as error:  # ValueError: closed
            streams.clear()
            return f"[output ends: {error}]\n"
    return ""
