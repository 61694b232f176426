"""A process that does one task again and again, and the pipe to it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from datasets.content import described
from datasets.parcels import packed, unpacked
from datasets.records import DatasetError

Task = Callable[[int], Any]  # never gives None


class ProcessDiedError(Exception):
    """The other end of the pipe is gone."""


class TaskProcess:
    """A process and the pipe to it.

    Attributes:
        pipe: to wait for.
        number: what it has in hand, or None.
        greeted: whether it ever began.
    """

    def __init__(self, task: Task) -> None:
        context = _context()
        self.number: int | None = None
        self.greeted = False
        self.pipe, self.theirs = context.Pipe()
        make: Any = context.Process  # type: ignore[attr-defined]
        self.process: BaseProcess = make(target=_serve, args=(self.theirs, task), daemon=True)

    def start(self) -> None:
        """Begins.

        Raises:
            DatasetError: no memory, no process left, or a task that cannot be sent.
        """
        try:
            self.process.start()
        except Exception as error:  # the task's own pickling can raise anything
            raise unstartable(described(error)) from error
        self.theirs.close()  # the only other end is the process's, so that its death ends the pipe

    def give(self, number: int) -> None:
        """Hands it a number."""
        self.number = number
        with suppress(OSError):  # if it is dead, reading from it will say so
            self.pipe.send(number)

    def take(self) -> Any:
        """What it made of the number, or None if it only says that it began.

        Raises:
            ProcessDiedError: it died.
            Exception: whatever the task raised.
        """
        try:
            kind, content = unpacked(self.pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise ProcessDiedError from error
        self.greeted = True
        if kind == "failed":
            raise content
        return content

    def kill(self) -> None:
        """Ends it, without waiting."""
        if self.process.is_alive():
            self.process.kill()

    def end(self) -> None:
        """Ends it, and frees what it held here."""
        self.kill()
        self.pipe.close()
        self.theirs.close()
        if self.process.pid is None:
            return  # it never began
        self.process.join(5)
        if self.process.is_alive():  # it waits for a disk that does not answer; the interpreter's end must not
            getattr(multiprocessing.process, "_children", set()).discard(self.process)
        else:
            self.process.close()


def unstartable(reason: str) -> DatasetError:
    """The error of processes that cannot be had."""
    return DatasetError(f"processes that decode images cannot be started ({reason}); free memory, or use --workers 0")


def _context() -> BaseContext:
    # A forked copy of a process with threads may hang; the fork server has none, and imports this package once.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["datasets"])
    return context


def _serve(pipe: "connection.Connection[Any, Any]", task: Task) -> None:
    """What a process does: reads a number, sends its result, until the pipe ends.

    Signals to the group are for the process that asked, which ends the batch in flight and then this one. If it is
    killed, the fork server between the two would keep this one alive.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    torch.set_num_threads(1)
    try:
        pipe.send_bytes(packed("begun", None))
        while True:
            number = pipe.recv()
            try:
                parcel = packed("read", task(number))
            except MemoryError:
                os._exit(1)  # part by part it needs less
            except Exception as error:
                parcel = packed("failed", error)
            pipe.send_bytes(parcel)
    except (EOFError, OSError):
        return


def _exit_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
