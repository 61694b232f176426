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


LONGEST = (  # files by how long they take, the longest first; one of them at the end would leave a core idle
    "reports/test_report.py", "reports/test_damage.py", "bench/run/test_interruptions.py",
    "bench/run/test_run_on_photographs.py", "bench/nights/test_nightly.py", "bench/run/test_many_classes.py",
    "bench/run/test_truth.py", "bench/process/test_failures.py", "bench/run/test_controls.py",
    "bench/scenes/test_certify.py", "scale/test_large_run.py", "bench/scenes/test_leakage.py",
    "reports/test_browser.py", "weights/keras/test_converting.py", "metrics/test_rise_on_photographs.py",
    "datasets/test_workers.py", "bench/run/test_lab.py", "bench/run/test_full_disk.py", "soak/test_soak.py",
    "weights/test_corpus.py", "bench/test_faults.py", "reports/tables/test_validation.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in the order in which they are found."""
    here, last = Path(__file__).parent, len(LONGEST)
    place = {here / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, last))


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
