"""A share of all points at which a small run, report or training can fail or be killed (see tests/fuzz/faults.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[1] / "fuzz" / "faults.py"
POINTS = {"run": 7, "report": 2, "train": 4}  # of about 2,700, 500 and 110


def test_after_any_fault_the_next_call_ends_with_the_undisturbed_result():
    scale = max(1, int(float(os.environ.get("CAMBENCH_FUZZ", "1"))))
    words = [f"{job}={count * scale}" for job, count in POINTS.items()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HARNESS), "7", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["job"] for entry in found] == list(POINTS)
    for entry in found:
        assert entry["tried"] == min(POINTS[entry["job"]] * scale, entry["points"])
        assert entry["wrong"] == {}, entry
