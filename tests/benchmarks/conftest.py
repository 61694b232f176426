"""Real photographs and the real AlexNet for the timings, and the ratios they end with."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
import torch

from bench.environment import describe_device, git_state, select_device, versions
from datasets import DATASETS, load_batches
from weights import ARCHITECTURES, Classifier, load_classifier

RATIOS: list[tuple[str, float, str]] = []
ROUNDS, WARMUP = 15, 2


@pytest.fixture(scope="session")
def device() -> torch.device:
    return select_device("auto")


@pytest.fixture(scope="session")
def classifier(shared: Path, device: torch.device) -> Classifier:
    return load_classifier(shared / "weights" / "alexnet-catdog.pth", architectures=ARCHITECTURES, device=device)


@pytest.fixture(scope="session")
def photographs(shared: Path, device: torch.device) -> torch.Tensor:
    """128 photographs, (128, 3, 224, 224) in [0, 1]."""
    records = DATASETS["folder"](shared / "data" / "dogs-vs-cats-200px" / "val", None, False).limited(128).records
    batch = next(load_batches(records, [list(range(128))], resize=224, crop=224, classes=("cat", "dog")))
    return batch.images.to(device).float() / 255


@pytest.fixture
def against(benchmark, classifier: Classifier, device: torch.device) -> Callable[..., float]:
    """Times a stage with a reference before every round; the ratio of the two survives a noisy machine."""

    def timed(function: Callable[[], object]) -> float:
        started = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    def measure(name: str, stage: Callable[[], object], reference: Callable[[], object], images: int) -> float:
        references: list[float] = []
        benchmark.pedantic(
            lambda: timed(stage),
            setup=lambda: references.append(timed(reference)),
            rounds=ROUNDS,
            warmup_rounds=WARMUP,
            iterations=1,
        )
        samples = benchmark.stats.stats.data
        ratio = median(s / r for s, r in zip(samples, references[-len(samples) :], strict=True))
        throughput = images / median(samples)
        benchmark.extra_info.update(
            ratio_to_reference=ratio,
            images_per_second=throughput,
            reference_seconds=references[-len(samples) :],
            weights_sha256=classifier.checkpoint.sha256,
            device=describe_device(device),
            revision=git_state()["revision"],
            versions=versions(),
        )
        RATIOS.append((name, ratio, f"{throughput:.1f} images/s against {images / median(references):.1f}"))
        return ratio

    return measure


def pytest_terminal_summary(terminalreporter) -> None:
    """One line per stage: the ratio of its time to the reference, run side by side."""
    if RATIOS:
        terminalreporter.section("time relative to a bare forward pass of the same images, side by side")
        for name, ratio, throughput in RATIOS:
            terminalreporter.write_line(f"{name:<44} {ratio:5.3f}  ({throughput})")
