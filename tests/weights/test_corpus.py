"""Every generated checkpoint gives a classifier or one line, runs nothing and takes little memory."""

import collections
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.fuzz.checkpoint_files import LOADS, REFUSED, SAME
from tests.fuzz.checkpoints import cases

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 32  # MiB by which any one file may raise the memory; the bombs would take 80 and more
# In a process of its own, whose memory may grow by 300 MiB and no more, and whose largest resident set is measured.
PROGRAM = """
import json, resource, sys, warnings
from pathlib import Path
import torch
from tests.fuzz.checkpoint_files import state, tiny
from weights import Architecture, WeightsError, load_classifier, tried

warnings.simplefilter("error")
own, wanted = {"tiny": Architecture(tiny, "1", "")}, state()
pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + 300 * 2**20,) * 2)


def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) // 1024


def begin():
    Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is resident now
    return memory("VmRSS")


before = begin()
bytearray(64 * 2**20)
assert memory("VmHWM") - before > 48, "the peak is not measured"
for path in map(Path, json.load(sys.stdin)):
    before, error = begin(), None
    try:
        found = load_classifier(path, architectures=own).network.state_dict()
        result = "same" if all(torch.equal(found[name], wanted[name]) for name in wanted) else "other"
    except WeightsError as raised:
        result, error = "refused", str(raised)
    except BaseException as raised:
        result = repr(raised)[:200]
    print(json.dumps([result, error, memory("VmHWM") - before]), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="measures memory as Linux does")
def test_no_checkpoint_runs_code_hangs_or_takes_much_memory(tmp_path):
    canary, given = tmp_path / "was-here", []
    for number, case in enumerate(cases(canary, int(os.environ.get("CAMBENCH_FUZZ", "1")))):
        path = tmp_path / f"{number}{case.suffix}"
        path.write_bytes(case.content)
        given.append((case.name, case.expected, path))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([str(path) for _, _, path in given]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(given), (given[len(found)][0], done.returncode, done.stderr[-2000:])
    faults, counts = [], collections.Counter()
    for (name, expected, _), (result, error, grown) in zip(given, found, strict=True):
        loaded = result in ("same", "other")
        kept = loaded if expected == LOADS else result == "refused" if expected == REFUSED else result in KEPT[expected]
        one_line = error is None or (len(error.splitlines()) == 1 and len(error) < 1200)
        named = not name.startswith("hostile") or "extension" in name or "would run" in str(error)
        if not (kept and one_line and named and grown < MEMORY):
            faults.append((name, expected, result, error, grown))
        counts[f"{name.split()[0]}: {'loaded' if loaded else result}"] += 1
    print(json.dumps(counts), max(grown for _, _, grown in found), "MiB")
    assert not faults
    assert not canary.exists()
    assert len(given) > 600
    assert counts["flipped: refused"] > 100


KEPT = collections.defaultdict(lambda: ("same", "other", "refused"), {SAME: ("same", "refused")})


def test_the_hostile_files_would_have_run(tmp_path):
    canary, kinds = tmp_path / "was-here", 0
    for case in cases(canary):
        if case.name.startswith("hostile zip") and case.name.endswith(" os.system"):
            with zipfile.ZipFile(io.BytesIO(case.content)) as archive:
                pickled = archive.read("archive/data.pkl")
            if " new " in case.name:  # Python makes new objects of classes alone
                pickled = pickled.replace(b"\x81.", b"R.")
            with contextlib.suppress(pickle.UnpicklingError):  # too late
                pickle.loads(pickled)
            assert canary.exists(), case.name
            canary.unlink()
            kinds += 1
        if case.name.startswith("bomb"):
            break
    assert kinds == 8
