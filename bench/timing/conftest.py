"""Photographs and a network for the timings, and the ratios they end with."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
import torch

from bench.config import RunConfig
from bench.environment import describe_device, git_state, select_device, versions
from bench.run.data import read_dataset
from cam import METHODS, Maps, Network, compute_maps
from datasets import load_batches
from datasets.records import Record
from weights import ARCHITECTURES, Classifier, load_classifier

SHARED = Path(os.environ.get("CAMBENCH_SHARED", Path(__file__).resolve().parents[3] / "shared"))
RATIOS: list[tuple[str, float, str]] = []
WARMUP = 2
ESSENTIAL = {"batch": (1, 32), "classes": (2,), "method": ("gradcam", "layercam")}  # without --full
LAYER = "features.11"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every method, class and batch, and more rounds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the timings that are swept only the essential ones, unless all are asked for."""
    if config.getoption("--full"):
        return
    for item in list(items):
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if any(given[name] not in kept for name, kept in ESSENTIAL.items() if name in given):
            items.remove(item)


@pytest.fixture(scope="session")
def device() -> torch.device:
    return select_device("auto")


@pytest.fixture(scope="session")
def job() -> RunConfig:
    """What is timed: the real AlexNet on photographs; where they are missing, what comes along."""
    if SHARED.is_dir():
        photographs, weights = SHARED / "data" / "dogs-vs-cats-200px" / "val", SHARED / "weights" / "alexnet-catdog.pth"
        return RunConfig(dataset="folder", data_root=photographs, weights=weights, out=Path("unused"))
    return RunConfig(dataset="synthetic", split="truth", weights=Path("catdog-photos-alexnet"), out=Path("unused"))


@pytest.fixture(scope="session")
def classifier(job: RunConfig, device: torch.device) -> Classifier:
    return load_classifier(job.weights, architectures=ARCHITECTURES, device=device)


@pytest.fixture(scope="session")
def records(job: RunConfig, classifier: Classifier) -> tuple[Record, ...]:
    """128 images."""
    return read_dataset(job.dataset, job.data_root, job.split, 128, classifier.classes).records


@pytest.fixture(scope="session")
def photographs(records: tuple[Record, ...], classifier: Classifier, device: torch.device) -> torch.Tensor:
    """The same decoded, (128, 3, 224, 224) in [0, 1]."""
    batch = next(load_batches(records, [list(range(128))], resize=224, crop=224, classes=classifier.classes))
    return batch.images.to(device).float() / 255


@pytest.fixture(scope="session")
def maps(classifier: Classifier, photographs: torch.Tensor) -> Maps:
    """Grad-CAM of 32 photographs."""
    network = Network(classifier, classifier.network)
    return compute_maps(network, photographs[:32], (LAYER,), {"gradcam": METHODS["gradcam"]})


@pytest.fixture
def against(benchmark, request, job: RunConfig, classifier: Classifier, device: torch.device) -> Callable[..., float]:
    """Times a stage with a bare forward pass before every round; the ratio of the two survives a noisy machine."""

    full = request.config.getoption("--full")  # small batches are noisier, and cheaper

    def timed(function: Callable[[], object]) -> float:
        started = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    def measure(
        stage: str,
        function: Callable[[], object],
        reference: Callable[[], object],
        images: int,
        rounds: int | None = None,
        **labels,
    ):
        references: list[float] = []
        benchmark.pedantic(
            lambda: timed(function),
            setup=lambda: references.append(timed(reference)),
            rounds=rounds or (min(60, max(15, 480 // images)) if full else min(30, max(6, 192 // images))),
            warmup_rounds=WARMUP,
            iterations=1,
        )
        samples = benchmark.stats.stats.data
        beside = references[-len(samples) :]
        ratio = median(s / r for s, r in zip(samples, beside, strict=True))
        benchmark.extra_info.update(
            stage=stage,
            images=images,
            **labels,
            reference_seconds=beside,
            dataset=job.dataset,
            weights_sha256=classifier.checkpoint.sha256,
            device=describe_device(device),
            threads=torch.get_num_threads(),
            peak_memory_mb=peak_memory_mb(device),
            revision=git_state()["revision"],
            versions=versions(),
        )
        name = ", ".join([stage, *(f"{key} {value}" for key, value in labels.items())])
        RATIOS.append((name, ratio, f"{images / median(samples):.1f} images/s against {images / median(beside):.1f}"))
        return ratio

    return measure


def peak_memory_mb(device: torch.device) -> int:
    """Highest memory so far, of the device or of this process, MB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def pytest_terminal_summary(terminalreporter) -> None:
    """One line per stage: the ratio of its time to the reference, run side by side."""
    if RATIOS:
        terminalreporter.section("time relative to a bare forward pass of the same images, side by side")
        for name, ratio, throughput in RATIOS:
            terminalreporter.write_line(f"{name:<48} {ratio:6.3f}  ({throughput})")
