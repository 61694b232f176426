"""Change cam/ and metrics/ in places drawn by a seed, one at a time, and list the changes that no test notices.

    python tests/mutation/drawn.py [PER_FILE] [--seed 0] [--only metrics/margins.py,...]

mutmut proposes the changes (another operator, number, text, argument, condition); PER_FILE of them are drawn for each
file. A change runs the file's own tests first and, where those do not notice, the tests of its room, in a copy of the
tree. Each runs in a fork of a process that has torch loaded, so that a change costs its tests alone. A change under
which the tests take ten times as long counts as noticed. What was tried stays in mutants/ by the text of the changed
file, so that the same call goes on where it was; mutants/table.md counts, mutants/survivors.txt shows what survived.
"""

import argparse
import difflib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import libcst
import pytest
import torch  # noqa: F401  # loaded here so that no change loads it again
from mutmut.mutation import file_mutation

HERE = Path(__file__).resolve().parents[2]
WORK = HERE / "mutants" / "tree"
KEPT = HERE / "mutants" / "drawn.jsonl"
ROOMS = ("cam", "metrics")
# On a machine without a GPU all devices are the same; what leaving one out leaves behind goes with it.
DEVICE = re.compile(r",?\s*(device=)?[\w.]*\bdevice\b(?!\s*=)|,?\s*device=None|,\s*(?=\))")
SLOW = ("tests/cam/test_on_photographs.py", "tests/metrics/test_rise_on_photographs.py")
PATIENCE = 10.0  # times the tests' own duration, and as many seconds more


def sources() -> list[str]:
    """The files of both rooms, relative to the tree."""
    return sorted(str(path.relative_to(HERE)) for room in ROOMS for path in (HERE / room).rglob("*.py"))


def own_tests(source: str) -> list[str]:
    """The test file that mirrors a file, if there is one; of a face of a room, which holds its registry, that one's."""
    name = "registry.py" if Path(source).name == "__init__.py" else Path(source).name
    path = Path("tests") / Path(source).with_name(f"test_{name}")
    return [str(path)] if (HERE / path).is_file() else []


def drawn(source: str, count: int, seed: int) -> list[tuple[str, str]]:
    """(changed text, difference) of `count` changes of a file, drawn without replacement.

    Not drawn: texts with a space, which are prose for people, and another device.
    """
    text = (HERE / source).read_text()
    module, changes, *_ = file_mutation.create_mutations(source, text)
    found: dict[str, str] = {}
    for number in random.Random(f"{seed} {source}").sample(range(len(changes)), len(changes)):
        if len(found) == count:
            break
        before, after = changes[number].original_node, changes[number].mutated_node
        changed = module.deep_replace(before, after)
        assert isinstance(changed, libcst.Module)
        prose = isinstance(before, libcst.SimpleString) and " " in before.value
        if prose or DEVICE.sub("", text) == DEVICE.sub("", changed.code):
            continue
        lines = difflib.unified_diff(text.splitlines(), changed.code.splitlines(), lineterm="", n=0)
        found.setdefault(changed.code, "\n".join(line for line in lines if line[:2] not in ("--", "++")))
    return [(code, difference) for code, difference in found.items() if code != text]


def noticed(tests: list[str], limit: float | None) -> tuple[bool, float]:
    """Whether the tests fail, or do not end within `limit` seconds, in the copy of the tree; and how long they took."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(WORK)
        sys.path.insert(0, str(WORK))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        ignored = [f"--ignore={path}" for path in SLOW]
        plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:benchmark", "-p", "no:randomly"]
        os._exit(int(pytest.main(["-x", "-q", *plugins, *ignored, *tests])))
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - start
        if done:
            return os.waitstatus_to_exitcode(status) != 0, seconds
        if limit is not None and seconds > limit:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True, seconds
        time.sleep(0.02)


def copied() -> None:
    """A fresh copy of what the tests read."""
    shutil.rmtree(WORK, ignore_errors=True)
    leave_out = shutil.ignore_patterns(".venv*", ".git", "mutants", "runs", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(HERE, WORK, ignore=leave_out)


def known() -> dict[str, dict[str, object]]:
    """What earlier calls tried, by key."""
    lines = KEPT.read_text().splitlines() if KEPT.is_file() else []
    return {record["key"]: record for record in map(json.loads, lines)}


def baseline(tests: list[str], durations: dict[str, float]) -> float:
    """Limit in seconds for tests that pass without any change; measured once."""
    name = " ".join(tests)
    if name not in durations:
        failed, durations[name] = noticed(tests, None)
        if failed:
            raise SystemExit(f"{name}: fails without any change; mend that first")
    return PATIENCE * (durations[name] + 1)


def survives(source: str, code: str, durations: dict[str, float]) -> bool:
    """Whether neither the file's own tests nor those of its room notice the changed text."""
    original = (WORK / source).read_text()
    stages = [tests for tests in (own_tests(source), [f"tests/{source.split('/')[0]}"]) if tests]
    for tests in stages:
        limit = baseline(tests, durations)
        (WORK / source).write_text(code)
        try:
            if noticed(tests, limit)[0]:
                return False
        finally:
            (WORK / source).write_text(original)
    return True


def try_file(source: str, count: int, seed: int, durations: dict[str, float]) -> list[dict[str, object]]:
    """Run the tests on each drawn change of one file that no earlier call has tried."""
    tried, records = known(), []
    for code, difference in drawn(source, count, seed):
        key = hashlib.sha256(f"{source}\n{code}".encode()).hexdigest()[:16]
        if key not in tried:
            killed = not survives(source, code, durations)
            tried[key] = {"key": key, "file": source, "killed": killed, "change": difference}
            with KEPT.open("a") as file:
                file.write(json.dumps(tried[key]) + "\n")
        records.append(tried[key])
    return records


def table(records: list[dict[str, object]]) -> str:
    """One line a file, and one of all."""
    lines = ["| file | tried | killed | survived |", "| --- | --- | --- | --- |"]
    for source in sorted({str(record["file"]) for record in records}):
        mine = [bool(record["killed"]) for record in records if record["file"] == source]
        lines.append(f"| `{source}` | {len(mine)} | {sum(mine)} | {len(mine) - sum(mine)} |")
    killed = sum(bool(record["killed"]) for record in records)
    share = 100 * killed / max(1, len(records))
    lines.append(f"| all | {len(records)} | {killed} ({share:.1f} %) | {len(records) - killed} |")
    return "\n".join(lines)


def main() -> None:
    """Draw, run, and print the changes that survive and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("per_file", nargs="?", type=int, default=16, metavar="PER_FILE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="FILE,FILE")
    arguments = parser.parse_args()
    KEPT.parent.mkdir(exist_ok=True)
    copied()
    records: list[dict[str, object]] = []
    durations: dict[str, float] = {}
    for source in [name for name in arguments.only.split(",") if name] or sources():
        records += try_file(source, arguments.per_file, arguments.seed, durations)
        mine = [record for record in records if record["file"] == source]
        print(f"{source}: {sum(bool(record['killed']) for record in mine)} of {len(mine)} noticed", flush=True)
    survivors = [f"{record['file']}\n{record['change']}\n" for record in records if not record["killed"]]
    (KEPT.parent / "survivors.txt").write_text("\n".join(survivors))
    (KEPT.parent / "table.md").write_text(table(records) + "\n")
    print("\n".join([*survivors, table(records)]))


if __name__ == "__main__":
    main()
