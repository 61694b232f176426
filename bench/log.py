"""All that a command prints, in a file as well."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import TextIOBase
from pathlib import Path
from typing import TextIO


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Inside, stdout and stderr go to the end of the file as well, and so does the traceback of what fails."""
    with path.open("a", encoding="utf-8") as log:
        try:
            with redirect_stdout(_Both(sys.stdout, log)), redirect_stderr(_Both(sys.stderr, log)):
                yield
        except BaseException:
            traceback.print_exc(file=log)
            raise


class _Both(TextIOBase):
    """Two streams; never a terminal, so that progress is plain lines."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)
