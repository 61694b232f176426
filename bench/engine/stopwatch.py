"""Where the time of a run goes, the network's own share included."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Seconds per stage; on a GPU stages end with a synchronisation, and the network is timed by events."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.masked_images = 0
        self._cuda = device.type == "cuda"
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time inside to the stage."""
        self._settle()
        start = time.perf_counter()
        yield
        self._settle()
        self.seconds[name] += time.perf_counter() - start

    @contextmanager
    def model(self) -> Iterator[None]:
        """Adds the time inside to `model`, without waiting for the device in between."""
        if self._cuda:
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            yield
            end.record()
            self._events.append((start, end))
        else:
            started = time.perf_counter()
            yield
            self.seconds["model"] += time.perf_counter() - started

    def _settle(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()
            self.seconds["model"] += sum(start.elapsed_time(end) for start, end in self._events) / 1000
            self._events.clear()
