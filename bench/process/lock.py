"""One writer at a time: a file lock, and a note of who holds it for disks whose locks end at the machine."""

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock

from bench.errors import ConfigError
from reports.errors import regular

LOCK, OWNER = ".cambench-lock", "-owner"
BEAT, PATIENCE = 5.0, 60.0  # seconds: between two signs of life, and without one until a writer counts as dead
UNFINISHED = 0.5  # seconds that writing a note may take


@contextmanager
def only_writer(lock: Path, busy: str) -> Iterator[None]:
    """Inside, no other process holds the lock; that of a process that died is free again.

    On one machine the system frees the lock. A writer on another machine, whose lock a network disk may not show, is
    known by its note beside the lock, which it touches while it lives.

    Args:
        lock: of the file, in a folder that exists; it and the note are gone afterwards.
        busy: what to say where another process holds it.

    Raises:
        ConfigError: another process does.
    """
    held = filelock.FileLock(lock, timeout=0)
    try:
        held.acquire()
    except filelock.Timeout as error:
        raise ConfigError(busy) from error
    try:
        with _noted(lock, busy):
            try:
                yield
            finally:
                with suppress(OSError):  # Windows removes no open file
                    lock.unlink()
    finally:
        held.release()


def tidy(lock: Path) -> None:
    """Removes the lock and the note of a process that died; makes nothing where there is neither."""
    if lock.exists() or lock.with_name(lock.name + OWNER).exists():
        with suppress(ConfigError), only_writer(lock, "busy"):  # one that lives keeps them
            pass


@contextmanager
def _noted(lock: Path, busy: str) -> Iterator[None]:
    """Inside, the note says that this process writes."""
    path, token = lock.with_name(lock.name + OWNER), secrets.token_hex(8)
    _claim(path, lock, token, busy)
    stop = threading.Event()
    beat = threading.Thread(target=_live, args=(path, token, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        if _read(path).get("token") == token:
            with suppress(OSError):  # what stays is taken over
                path.unlink()


def _claim(path: Path, lock: Path, token: str, busy: str) -> None:
    """Writes the note; one that is there is replaced if its writer is gone."""
    content = json.dumps({"machine": _machine(), "process": os.getpid(), "token": token}).encode()
    for _ in range(2):
        try:
            file = path.open("xb")
        except FileExistsError:
            _require_gone(path, lock, busy)
            path.unlink(missing_ok=True)
            continue
        try:
            with file:
                file.write(content)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return
    raise ConfigError(busy)


def _require_gone(path: Path, lock: Path, busy: str) -> None:
    other = _read(path)
    if not other:
        time.sleep(UNFINISHED)
        other = _read(path)
    silent = _silence(path, lock)
    # A writer on this machine is gone, for the system has freed its lock; so is one that did not finish its note.
    if other and other.get("machine") != _machine() and silent < PATIENCE:
        where = f"machine {str(other.get('machine')).partition(' ')[0]}, process {other.get('process')}"
        raise ConfigError(f"{busy} ({where}, last seen {silent:.0f} s ago)")


def _silence(path: Path, lock: Path) -> float:
    """Seconds since the note was touched, by the clock of the disk."""
    os.utime(lock)
    try:
        return max(0.0, lock.stat().st_mtime - path.stat().st_mtime)
    except FileNotFoundError:
        return PATIENCE


def _live(path: Path, token: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        if _read(path).get("token") != token:
            return  # taken over: this process was held up for too long
        with suppress(OSError):
            os.utime(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _machine() -> str:
    """Name of the machine, and what tells apart two that share it: the boot, and the container's processes."""
    parts = [platform.node() or "unnamed"]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)
