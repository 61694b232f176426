"""Where the real photographs and checkpoints are, and what happens when they are not there."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(os.environ.get("CAMBENCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))

# No deadline: time limits in tests fail on a busy machine. Derandomised: the same examples every time.
settings.register_profile("cambench", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("cambench")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data/ and weights/; tests that need it skip without it, and fail where it is promised."""
    if (SHARED / "data").is_dir() and (SHARED / "weights").is_dir():
        return SHARED
    message = f"real photographs and weights not found at {SHARED} (set CAMBENCH_SHARED to their folder)"
    if os.environ.get("CAMBENCH_REQUIRE_DATA"):
        pytest.fail(message)
    pytest.skip(message)
