"""`cambench doctor`: what there is on this machine, and whether maps and curves come out right on it."""

import os
import shutil
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bench.environment import auto_workers, describe_device, git_state, select_device, versions
from bench.errors import ConfigError
from cam import METHODS, Network, compute_maps
from metrics.ordering import rank_pixels, tie_permutation
from metrics.perturbation import auc, curve, masked_logits
from metrics.substrates import blur_substrate
from weights import ARCHITECTURES

SIDE, IMAGES, STEPS = 224, 4, 8
MEAN = (0.5, 0.5, 0.5)


def examine() -> Iterator[str]:
    """Lines of the report.

    Raises:
        ConfigError: the self-test gives a wrong answer.
    """
    device = select_device("auto")
    for name, version in versions().items():
        yield f"{name:<12} {version}"
    for key, value in describe_device(device).items():
        yield f"{key:<12} {value}"
    yield f"{'cores':<12} {os.cpu_count()} ({auto_workers()} decoding with --workers auto)"
    yield f"{'GPUs':<12} {torch.cuda.device_count()}"
    yield f"{'revision':<12} {git_state()['revision']}"
    yield f"{'free disk':<12} {shutil.disk_usage('.').free / 2**30:.1f} GB here"
    yield from self_test(device)


def self_test(device: torch.device) -> Iterator[str]:
    """Maps and curves of an untrained AlexNet on noise, checked against what must hold for any network."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network: nn.Module = ARCHITECTURES["alexnet_narrow"].build(2).eval().to(device)
    images = torch.rand(IMAGES, 3, SIDE, SIDE, generator=generator).to(device)
    started = time.perf_counter()
    maps = compute_maps(Network(network), images, ("features.11",), {"gradcam": METHODS["gradcam"]})
    raw = maps.raw("gradcam", "features.11")
    _require(bool(raw.isfinite().all()) and bool((raw >= 0).all()), "Grad-CAM maps are not finite and at least 0")
    logits = _curves(network, images, maps.logits)
    total = curve(logits.cpu(), torch.zeros(IMAGES, dtype=torch.long))
    both = total.probability + total.probability_other
    _require(torch.allclose(both, torch.ones_like(both)), "the two classes' probabilities do not sum to 1")
    _require(bool(auc(total.probability).isfinite().all()), "areas under the curve are not finite")
    seconds = time.perf_counter() - started
    passes = IMAGES * (STEPS + 1)
    yield f"{'self-test':<12} passed: {passes} forward passes in {seconds:.1f} s on {device.type}"


def _curves(network: nn.Module, images: Tensor, logits: Tensor) -> Tensor:
    """Insertion curves of a random order, (IMAGES, STEPS + 1, 2)."""
    permutations = torch.stack([tie_permutation(str(i), SIDE * SIDE, 0) for i in range(IMAGES)]).to(images.device)
    ranks = rank_pixels(torch.zeros(IMAGES, SIDE, SIDE, device=images.device), permutations)
    substrate = blur_substrate(images, MEAN)
    with torch.inference_mode():
        return masked_logits(
            network,
            images,
            substrate,
            ranks,
            torch.arange(IMAGES, device=images.device),
            ends=(logits, network(substrate)),
            steps=STEPS,
            direction="insertion",
            batch_size=IMAGES,
        )


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(
            f"self-test failed: {message}; this installation cannot be trusted, reinstall with make setup"
        )
