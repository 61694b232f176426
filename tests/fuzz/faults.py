"""Disturbs the n-th thing that a process does to files below a folder: it fails, or the process is killed there.

`fault_jobs.py` has the commands that are disturbed, `fault_sweep.py` tries the points, some with `fault_watch.py`.
"""

import errno
import io
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HANG = 300.0  # seconds after which a child is killed and counted as one that hangs
FAILS, KILLS = ("full", "broken"), ("killed before", "killed after", "killed half way")
KINDS = (*FAILS, *KILLS)
CALLS = ("mkdir", "replace", "rename", "unlink", "rmdir", "fsync", "symlink")

Point = tuple[int, str]  # which of the calls, from 1, and what happens there


class Faults:
    """Counts what a process does to files below a folder, and disturbs the n-th of it."""

    patience = HANG

    def __init__(self, folder: Path, number: int | None, kind: str) -> None:
        self.folder, self.number, self.kind, self.count = str(folder), number, kind, 0
        self.files: list[_File] = []

    def install(self) -> None:
        """For good: the process is a child that ends soon."""
        for name in CALLS:
            setattr(os, name, self._disturbed(name, getattr(os, name)))
        opened = io.open
        io.open = lambda file, mode="r", *more, **options: self._opened(
            file, mode, lambda: opened(file, mode, *more, **options)
        )

    def point(self, name: str, act: Callable[[], Any], half: Callable[[], Any], rest: Callable[[], Any]) -> Any:
        """One call: `act` does it, `half` half of it, and `rest` what `half` left."""
        self.count += 1
        if self.count != self.number:
            return act()
        if self.kind in FAILS:
            half()
            number = errno.ENOSPC if self.kind == "full" else errno.EIO
            raise OSError(number, os.strerror(number), name)
        if self.kind == "killed half way":
            half()
        elif self.kind == "killed after":
            act()
        return os.kill(os.getpid(), signal.SIGKILL)

    def _disturbed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*places: Any, **options: Any) -> Any:
            path = places[-1] if name == "symlink" else places[0]
            if not (name == "fsync" or self._is_ours(path) or "dir_fd" in options):
                return function(*places, **options)
            return self.point(
                name, lambda: function(*places, **options), lambda: None, lambda: function(*places, **options)
            )

        return call

    def _is_ours(self, path: Any) -> bool:
        return str(path).startswith(self.folder)

    def _opened(self, path: Any, mode: str, function: Callable[[], Any]) -> Any:
        if not self._is_ours(path) or not any(letter in mode for letter in "wxa+"):
            return function()
        file = function() if "+" in mode else self.point("open", function, lambda: None, function)
        self.files.append(_File(file, self))
        return self.files[-1]

    def passed(self) -> bytes:
        """What a child that ended by itself tells of them: how many."""
        return str(self.count).encode()


class _File:
    """An open file whose writes are counted."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def write(self, content: Any) -> Any:
        middle = len(content) // 2

        def half() -> None:
            self._file.write(content[:middle])
            self._file.flush()

        def rest() -> int:
            self._file.write(content[middle:])
            return len(content)

        return self._faults.point("write", lambda: self._file.write(content), half, rest)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def call(words: list[str], faults: Faults, said: Path) -> tuple[int | str, int, float]:
    """Runs a command in a child: its exit code ("killed", "hangs"), how many points it passed, its seconds.

    Args:
        words: of the command line.
        faults: what is disturbed in the child.
        said: file that gets what the command says on stderr.
    """
    read, write = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        code = 70
        try:
            from bench.cli import main

            faults.install()
            code = main(words)
            os.write(write, faults.passed())
        finally:
            os._exit(code)
    os.close(write)
    code = waited(child, faults.patience)
    with os.fdopen(read) as pipe:
        count = pipe.read()
    return code, int(count or 0), time.monotonic() - begun


def waited(child: int, patience: float = HANG) -> int | str:
    """The exit code of a child: "killed", or "hangs" where it had to be killed."""
    begun = time.monotonic()
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() - begun > patience:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(0.002)
    code = os.waitstatus_to_exitcode(done[1])
    return "killed" if code == -signal.SIGKILL else code
