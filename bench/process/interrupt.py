"""SIGINT and SIGTERM: at once where nothing is lost, after the batch in flight while a run scores."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, SIGTERM raises KeyboardInterrupt as SIGINT does, whatever the parent process made of either."""
    with _handlers(_interrupt):
        yield


class StopRequest:
    """Inside, the first SIGINT or SIGTERM is only noted, for `check` to act on; the second interrupts at once.

    One that came after the last `check` interrupts at the end.
    """

    def __init__(self) -> None:
        self.noted = False
        self._handlers = _handlers(self._note)

    def __enter__(self) -> "StopRequest":
        self._handlers.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._handlers.__exit__(None, None, None)
        if raised[0] is None:
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal was noted."""
        if self.noted:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.noted:
            _interrupt(number, frame)
        self.noted = True


@contextmanager
def _handlers(handler: "signal._HANDLER") -> Iterator[None]:
    """Both signals handled so inside; only the main thread may set handlers, elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)
