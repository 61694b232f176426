"""Drawings that misbehave when they are drawn; other processes import this file by its name."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Killer:
    """Kills its process, as a decoder that crashes does; only the first time if there is a marker to leave."""

    number: int = signal.SIGKILL
    marker: Path | None = None

    def draw(self):
        if self.marker is not None and self.marker.exists():
            raise ValueError("alive")
        if self.marker is not None:
            self.marker.touch()
        os.kill(os.getpid(), self.number)


@dataclass(frozen=True)
class Sleeper:
    """Never returns, as a disk that does not answer."""

    def draw(self):
        time.sleep(3600)


@dataclass(frozen=True)
class Failing:
    """Raises what it is told to, when it is drawn or drawn again."""

    error: BaseException
    inner: object = None

    def draw(self):
        if self.inner is None:
            raise self.error
        return self.inner.draw()

    def removals(self):
        raise self.error
