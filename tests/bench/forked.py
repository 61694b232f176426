"""The real command in a process of its own, forked from one that has imported everything: seconds less than a new one.

Run by path (`runpy.run_path`) in that process, with the globals that `start` gives it.
"""

import os
import resource
import runpy
import sys
import threading
import time
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection

HEAVY = ["bench.cli", "bench.run.pipeline", "reports", "weights", "torchvision"]


class Forked:
    """What `subprocess.Popen` is, as far as tests use it.

    Args:
        words: of the command line, without `cambench`.
        environment: variables that it has beside those of this process.
        bytes_per_file: a file that grows beyond it cannot be written.
    """

    def __init__(
        self, words: list[str], bytes_per_file: int | None = None, environment: dict[str, str] | None = None
    ) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(HEAVY)
        ours, theirs = context.Pipe(duplex=False)
        told = {"WORDS": words, "SAID": theirs, "LIMIT": bytes_per_file, "MORE": environment or {}, "CALLED": True}
        self._process = context.Process(target=runpy.run_path, args=(__file__, told))
        self._process.start()
        theirs.close()
        self._said: list[bytes] = []
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()
        self.pid = self._process.pid

    def _read(self, stderr: Connection) -> None:
        with stderr:
            while some := os.read(stderr.fileno(), 65536):
                self._said.append(some)

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        """Waits until it and all who inherited its stderr end; nothing, and what was printed there.

        Raises:
            TimeoutError: one of them did not end in so many seconds; the process is killed.
        """
        self._process.join(timeout)
        self._reader.join(timeout)
        if self._reader.is_alive():
            self._process.kill()
            raise TimeoutError(f"process {self.pid} or a child of it did not end in {timeout} s")
        return None, b"".join(self._said).decode()

    def wait_for_group(self) -> None:
        """Returns once it has a process group of its own."""
        while self._process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)


def _command(words: list[str], said: Connection, limit: int | None, more: dict[str, str]) -> None:
    os.setsid()
    os.environ.update(more)
    forkserver._forkserver.__init__()  # type: ignore[misc]  # what it starts is of its own session, not of the tests'
    null = os.open(os.devnull, os.O_RDWR)
    for number, handle in enumerate((null, null, said.fileno())):
        os.dup2(handle, number)
    said.close()
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    import torch

    from bench.cli import main

    torch.set_num_threads(1)  # as OMP_NUM_THREADS=1 does where nothing is imported yet
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.exit(main(words))


if globals().get("CALLED"):
    _command(WORDS, SAID, LIMIT, MORE)  # type: ignore[name-defined]  # noqa: F821
