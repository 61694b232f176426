"""A share of all points at which a small job can fail or be killed (tests/fuzz/fault_sweep.py tries them all)."""

import json
import os
import subprocess
import sys
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[1] / "fuzz" / "fault_sweep.py"
POINTS = {"run": 6, "report": 2, "nightly": 6, "train": 3}  # of about 2,800, 600, 600 and 130


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
