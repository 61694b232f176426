"""One undisturbed call, looked at from every point: what kills leave there, and what comes of failures there."""

import errno
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faults import FAILS, Faults, Point, waited


class Snapshots(Faults):
    """Disturbs nothing, and hands over what lies in the folder where each kill would have come.

    A killed process leaves what it had written: the folder as it is, while what waits in the process is lost.
    """

    patience = math.inf

    def __init__(self, folder: Path, kinds: tuple[str, ...], keep: Callable[[Point], None]) -> None:
        super().__init__(folder, None, "")
        self._kinds, self._keep = kinds, keep

    def point(self, name: str, act: Callable[[], Any], half: Callable[[], Any], rest: Callable[[], Any]) -> Any:
        """One call, looked at before, in the middle or after it."""
        self.count += 1
        number = self.count
        if "killed before" in self._kinds:
            self._keep((number, "killed before"))
        if "killed half way" in self._kinds:
            half()
            self._keep((number, "killed half way"))
            done = rest()
        else:
            done = act()
        if "killed after" in self._kinds:
            self._keep((number, "killed after"))
        return done


class Branches(Faults):
    """At every point forks a child where the call fails; then all is put back, and the parent goes on.

    Children share the parent's open files and folder. Afterwards every file has the inode, the size and the position
    that it had; while a tree is being removed, where folders are held open, no child is made.
    """

    patience = math.inf  # each child has its own

    def __init__(self, folder: Path, shadow: Path, keep: Callable[[Point, int | str, str], None]) -> None:
        """`keep` gets each point and how its child ended: exit code, what it said."""
        super().__init__(folder, None, "")
        self._shadow, self._keep, self._idle, self._branch = shadow, keep, False, False

    def point(self, name: str, act: Callable[[], Any], half: Callable[[], Any], rest: Callable[[], Any]) -> Any:
        """One call, that fails in a child for every way to fail."""
        if self._idle or self._branch:
            return act()
        self.count += 1
        self._idle = True
        for kind in FAILS if not _removes_a_tree() else ():
            with self._put_back():
                said = self._shadow.with_suffix(".said")
                child = os.fork()
                if child == 0:
                    self._branch = True
                    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                    half()
                    number = errno.ENOSPC if kind == "full" else errno.EIO
                    raise OSError(number, os.strerror(number), name)
                code = waited(child)
                self._keep((self.count, kind), code, said.read_text())
        self._idle = False
        return act()

    def passed(self) -> bytes:
        """Children tell nothing: the pipe is the parent's."""
        return b"" if self._branch else super().passed()

    @contextmanager
    def _put_back(self) -> Iterator[None]:
        """Whatever happens to the folder inside is undone; in a child nothing is."""
        sys.stderr.flush()
        files = [file for file in self.files if not file.closed]
        places = [(os.lseek(file.fileno(), 0, os.SEEK_CUR), os.fstat(file.fileno()).st_size) for file in files]
        folder = Path(self.folder)
        shutil.rmtree(self._shadow, ignore_errors=True)
        there = folder.exists()
        if there:
            shutil.copytree(folder, self._shadow, copy_function=os.link, symlinks=True)
        yield  # a child leaves by its error
        for file, (place, size) in zip(files, places, strict=True):
            os.ftruncate(file.fileno(), size)
            os.lseek(file.fileno(), place, os.SEEK_SET)
        if there:
            _made_like(folder, self._shadow)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _made_like(folder: Path, other: Path) -> None:
    """Removes and links entries of a folder until it holds the very files of the other."""
    for path in folder.iterdir():
        twin = other / path.name
        if path.is_symlink() or path.is_file():
            if path.is_symlink() or not twin.is_file() or not path.samefile(twin):
                path.unlink()
        elif not twin.is_dir():
            shutil.rmtree(path)
    for twin in other.iterdir():
        path = folder / twin.name
        if twin.is_dir() and not twin.is_symlink():
            path.mkdir(exist_ok=True)
            _made_like(path, twin)
        elif twin.is_symlink():
            path.symlink_to(twin.readlink())
        elif not path.exists():
            os.link(twin, path)


def _removes_a_tree() -> bool:
    frame = sys._getframe()
    while frame := frame.f_back:
        if frame.f_code.co_name == "rmtree":
            return True
    return False
