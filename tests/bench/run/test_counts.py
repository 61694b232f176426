"""Every file of a run is read once, whatever is computed of it."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

import datasets.decode


@pytest.mark.parametrize("metrics", ["empty", "empty,infidelity,max_sensitivity"])
def test_a_photograph_is_decoded_once(cambench, tmp_path, monkeypatch, metrics):
    random = np.random.default_rng(0)
    for name in ("cat/1", "cat/2", "dog/3"):
        path = tmp_path / "photographs" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(path)
    read, decoded = datasets.decode.read_content, Counter()
    monkeypatch.setattr(
        "datasets.decode.read_content", lambda path, *rest: decoded.update([path.name]) or read(path, *rest)
    )
    code = cambench(
        "run", "--dataset", "folder", "--data-root", tmp_path / "photographs", "--weights", "catdog-scenes",
        "--protocols", "none", "--controls", "none", "--metrics", metrics, "--workers", 0, "--no-report",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    assert decoded == {"1.png": 1, "2.png": 1, "3.png": 1}
