"""Where the real photographs and checkpoints are, and what happens when they are not there."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from datasets import DATASETS, load_batches
from weights import ARCHITECTURES, Classifier, load_classifier

SHARED = Path(os.environ.get("CAMBENCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))

# No deadline: time limits in tests fail on a busy machine. Derandomised: the same examples every time.
settings.register_profile("cambench", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("cambench")


@pytest.fixture(autouse=True)
def forgotten_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules that a test wrote and imported are unknown to the next one, which may write others of the same name."""
    path, before, temporary = list(sys.path), set(sys.modules), str(tmp_path_factory.getbasetemp())
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(temporary):
            del sys.modules[name]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data/ and weights/; tests that need it skip without it, and fail where it is promised."""
    if (SHARED / "data").is_dir() and (SHARED / "weights").is_dir():
        return SHARED
    message = f"real photographs and weights not found at {SHARED} (set CAMBENCH_SHARED to their folder)"
    if os.environ.get("CAMBENCH_REQUIRE_DATA"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def narrow(shared: Path) -> Classifier:
    """The real narrow AlexNet."""
    return load_classifier(shared / "weights" / "alexnet-narrow-catdog.pth", architectures=ARCHITECTURES)


@pytest.fixture(scope="session")
def photographs(shared: Path) -> torch.Tensor:
    """Six photographs, three cats and three dogs, (6, 3, 224, 224) in [0, 1]."""
    records = DATASETS["folder"](shared / "data" / "dogs-vs-cats-200px" / "val", None, False).limited(6).records
    batch = next(load_batches(records, [range(6)], resize=224, crop=224, classes=("cat", "dog")))
    return batch.images.float() / 255
