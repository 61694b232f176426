"""Kills a night before every file-system call it makes, calls the next one, and looks whether all is complete.

    python tests/bench/kill_nights.py RUN_DIR RUN.toml FOLDER SHARE

Every STRIDE / SHARE-th call is tried; SHARE 20 tries them all. The run itself is a copy of RUN_DIR.
"""

import csv
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import bench.nights.nightly
import reports.pages.history
from bench.cli import main

STRIDE, CALLS = 20, ("replace", "rename", "symlink", "unlink", "mkdir", "fsync", "rmdir")


def night(run_dir: Path, toml: Path, root: Path) -> int:
    """One night; figures and scoring take the time of many nights and are killed elsewhere."""
    bench.nights.nightly.run = lambda config: shutil.copytree(run_dir, config.out, dirs_exist_ok=True)
    reports.pages.history._figures = lambda *_: iter(())
    return main(["nightly", "--run", str(toml), "--root", str(root), "--timing", "none", "--keep", "1"])


def forked(work: Callable[[], int]) -> int:
    """Exit code of the work in a process of its own; negative: the signal that ended it."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(number: int) -> None:
    """From now on the file-system call of that number is never made."""
    count = 0

    def counting(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name)))


def missing(root: Path) -> list[str]:
    """What is not as it should be after two nights or three."""
    nights = sorted(path for path in root.iterdir() if path.name.startswith("20"))
    wrong = [str(path) for path in root.rglob("*.tmp")]
    for folder in nights:
        if not json.loads((folder / "verdict.json").read_text())["passed"]:
            wrong.append(f"{folder} failed")
        wrong += [str(folder / name) for name in ("summary.md", "junit.xml") if not (folder / name).stat().st_size]
    for folder in nights[1:]:
        wrong += [] if (folder / "compare" / "compare_changed.tex").exists() else [f"{folder} is not compared"]
    if (root / "latest").resolve() != nights[-1].resolve():
        wrong.append("latest")
    with (root / "history" / "history.csv").open() as file:
        listed = {row["night"] for row in csv.DictReader(file)}
    if listed != {folder.name for folder in nights}:
        wrong.append(f"the history has {listed}")
    return wrong


def try_all(run_dir: Path, toml: Path, folder: Path, share: int) -> int:
    """How many calls a night makes, each killed in turn."""
    first = folder / "first"
    assert forked(lambda: night(run_dir, toml, first)) == 0
    number = tried = 0
    while True:
        number += max(1, STRIDE // share)
        root = folder / "nights"
        shutil.copytree(first, root, symlinks=True)

        def work(number: int = number, root: Path = root) -> int:
            killed_at(number)
            return night(run_dir, toml, root)

        code = forked(work)
        if code == -signal.SIGKILL:
            tried += 1
            code = forked(lambda root=root: night(run_dir, toml, root))
            assert code == 0, f"after a kill at call {number}: exit code {code}"
            assert not missing(root), f"after a kill at call {number}: {missing(root)}"
        else:
            assert code == 0, f"unkilled: exit code {code}"
            return tried
        shutil.rmtree(root)


if __name__ == "__main__":
    paths = [Path(word) for word in sys.argv[1:4]]
    print(f"{try_all(*paths, int(float(sys.argv[4])))} kills, all complete")
