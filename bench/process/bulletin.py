"""Signs of life of the ranks of a run: a rank that fails, is killed or hangs ends the others within seconds."""

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress

from torch import distributed

BEAT, PATIENCE = 1.0, 15.0  # seconds: between two signs, and without one until a rank counts as dead
FAREWELL = 60.0  # seconds the first rank, which keeps the board, waits for the others to read it a last time
STUBBORN = 10.0  # seconds that the main thread has to end after it was told
FAILED = "failed"


class Bulletin:
    """A thread that puts this rank's signs on a board all ranks see, and reads theirs.

    Attributes:
        lost: why the run cannot go on, once another rank failed; the main thread is then interrupted.
    """

    def __init__(self, store: distributed.Store, rank: int, count: int) -> None:
        self.lost: str | None = None
        self._store, self._rank, self._count = store, rank, count
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._seen: dict[int, tuple[bytes, float]] = {}

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def fail(self, reason: str) -> None:
        """Tells the others that this rank has failed."""
        self._ended.set()
        with suppress(RuntimeError):  # nobody is there to read it
            self._store.set(FAILED, f"rank {self._rank} of {self._count} failed ({reason})")

    def end(self) -> None:
        """This rank is done; the first one waits until all are, for it may be the one that keeps the board."""
        self._ended.set()
        self._thread.join(PATIENCE)
        with suppress(RuntimeError):
            self._store.set(f"done {self._rank}", "yes")
            patience = time.monotonic() + FAREWELL
            names = [f"done {rank}" for rank in range(self._count)]
            while self._rank == 0 and time.monotonic() < patience and not self._store.check(names):
                if self._store.check([FAILED]):
                    break
                time.sleep(BEAT / 10)

    def _watch(self) -> None:
        number = 0
        while not self._ended.wait(BEAT):
            number += 1
            try:
                self._store.set(f"alive {self._rank}", str(number))
                reason = self._trouble()
            except RuntimeError:  # what a store raises whose keeper is gone
                reason = "rank 0 is gone"
            if reason is not None and not self._ended.is_set():
                self.lost = reason
                self._interrupt()
                return

    def _trouble(self) -> str | None:
        if self._store.check([FAILED]):
            return str(self._store.get(FAILED).decode())
        for rank in range(self._count):
            if rank == self._rank or self._store.check([f"done {rank}"]) or not self._store.check([f"alive {rank}"]):
                continue
            sign, now = self._store.get(f"alive {rank}"), time.monotonic()
            before, since = self._seen.get(rank, (b"", now))
            if sign != before:
                self._seen[rank] = sign, now
            elif now - since > PATIENCE:
                return f"rank {rank} of {self._count} gives no sign of life"
        return None

    def _interrupt(self) -> None:
        """As a second SIGTERM: at once, not after the batch in flight; the end of a process that waits in a library."""
        for _ in range(round(STUBBORN / BEAT)):
            _thread.interrupt_main(signal.SIGTERM)
            if self._ended.wait(BEAT):
                return
        print(f"cambench: {self.lost}, so rank {self._rank} ends too", file=sys.stderr, flush=True)
        os._exit(2)  # nothing is lost: shards are whole or not there
