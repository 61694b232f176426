"""How far a run is: a bar on a terminal; a plain line now and then in a night's log, and on stderr where asked for."""

import sys
import time
from types import TracebackType

from tqdm import tqdm

from bench.process.log import aside, terminal
from bench.process.voice import announce, periodic

PLAIN_EVERY, ESTIMATE_AFTER = 30.0, 20.0  # seconds


class Progress:
    """Counts images, in fractions while their masked copies pass through the model."""

    def __init__(self, total: int, done: int = 0, verb: str = "scored") -> None:
        self.verb = verb
        self.total, self.done, self.started_at = total, float(done), float(done)
        self._start = self._last = time.monotonic()
        self._bar, self._estimated = None, False
        if (screen := terminal()) is not None:
            bar_format = "{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total} [{elapsed}<{remaining}, {rate_fmt}]"
            self._bar = tqdm(total=total, initial=done, unit="image", desc=verb, file=screen, bar_format=bar_format)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is None:
            self._line()

    def advance(self, images: float) -> None:
        """Adds images, or a fraction of one."""
        images = min(images, self.total - self.done)  # shares of an image are estimates
        self.done += images
        if self._bar is not None:
            self._bar.update(images)
        now = time.monotonic()
        known = self.done - self.started_at >= 1  # the share of an image that a batch begins with says little
        if self._bar is None and not self._estimated and known and now - self._start >= ESTIMATE_AFTER:
            self._estimated = True
            if not periodic() and self.done < self.total:
                announce(f"about {self._left(now)} left, after {self.done:.0f} of {self.total} images")
        if now - self._last >= PLAIN_EVERY:
            self._line()

    def reach(self, images: int) -> None:
        """Sets the count to a whole number of images."""
        self.advance(images - self.done)

    def _rate(self, now: float) -> float:
        """Images per second."""
        return (self.done - self.started_at) / (now - self._start) if now > self._start else 0.0

    def _left(self, now: float) -> str:
        rate = self._rate(now)
        return tqdm.format_interval((self.total - self.done) / rate) if rate > 0 else "?"

    def _line(self) -> None:
        self._last = time.monotonic()
        elapsed = self._last - self._start
        rate = self._rate(self._last)
        line = (
            f"{self.verb} {self.done:.0f}/{self.total} images, {rate:.2f} images/s, "
            f"{tqdm.format_interval(elapsed)} elapsed, {self._left(self._last)} left"
        )
        if periodic() and self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            aside(line)
