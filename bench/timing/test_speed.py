"""Time of the stages against a bare forward pass of the network on as many ready-made images."""

from dataclasses import replace
from itertools import count

import pytest
import torch
from torch import nn

from bench.run.pipeline import run
from cam import METHODS, Network, compute_maps, upsample
from datasets import load_batches
from metrics import METRICS
from metrics.inputs import BatchInputs, MapInputs
from metrics.margins import rivals
from metrics.ordering import rank_pixels, tie_permutation
from metrics.perturbation import masked_logits
from metrics.substrates import blur_substrate

LAYER = "features.11"
STEPS = 32
ON_MAPS = [
    name for name, metric in METRICS.items() if not (metric.needs_forward or metric.needs_truth or metric.needs_others)
]


class FirstClasses(nn.Module):
    """The classifier with its first K logits alone: maps of fewer classes need fewer gradients."""

    def __init__(self, classifier: nn.Module, count: int) -> None:
        super().__init__()
        self.classifier, self.count = classifier, count

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(images)[:, : self.count]


def bare_forward(classifier, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return classifier.network(images)


def test_decode(against, classifier, photographs, records):
    normalised = classifier.normalise(photographs[:32])

    def decode() -> object:
        return next(load_batches(records, [list(range(32))], resize=224, crop=224, classes=classifier.classes))

    against("decode", decode, lambda: bare_forward(classifier, normalised), 32, batch=32)


@pytest.mark.parametrize("batch", [1, 8, 32, 128])
def test_forward(against, classifier, photographs, batch):
    images = photographs[:batch]
    normalised = classifier.normalise(images)

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return classifier(images)

    against("forward", forward, lambda: bare_forward(classifier, normalised), batch, batch=batch)


@pytest.mark.parametrize("batch", [1, 8, 32, 128])
@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.fast and name != "cam"])
def test_maps(against, classifier, photographs, method, classes, batch):
    images = photographs[:batch]
    normalised = classifier.normalise(images)
    network = Network(FirstClasses(classifier, classes), classifier.network)
    against(
        "maps",
        lambda: compute_maps(network, images, (LAYER,), {method: METHODS[method]}),
        lambda: bare_forward(classifier, normalised),
        batch,
        method=method,
        classes=classes,
        batch=batch,
    )


@pytest.mark.parametrize("batch", [8, 32, 128])
def test_perturbation(against, classifier, photographs, maps, batch):
    number = max(2, batch // STEPS)  # images that fill a batch
    images = photographs[:number]
    size = images.shape[-2:]
    permutations = torch.stack([tie_permutation(str(i), size.numel(), 0) for i in range(number)]).to(images.device)
    ranks = rank_pixels(upsample(maps.raw("gradcam", LAYER)[:number], size)[:, 0], permutations)
    substrate = blur_substrate(images, classifier.checkpoint.preprocess.mean)
    ends = classifier(images), classifier(substrate)
    owner = torch.arange(number, device=images.device)
    masked = number * (STEPS - 1)
    normalised = classifier.normalise(photographs[:masked])

    def perturb() -> torch.Tensor:
        with torch.inference_mode():
            return masked_logits(
                classifier, images, substrate, ranks, owner,
                ends=ends, steps=STEPS, direction="insertion", batch_size=batch,
            )  # fmt: skip

    def forward_loop() -> list[torch.Tensor]:
        return [bare_forward(classifier, part) for part in normalised.split(batch)]

    against("perturbation", perturb, forward_loop, masked, batch=batch)


@pytest.mark.parametrize("metric", ON_MAPS)
def test_metric(against, classifier, photographs, maps, metric):
    images = photographs[:32]
    normalised = classifier.normalise(images)
    size = tuple(images.shape[-2:])
    permutations = torch.stack([tie_permutation(str(i), size[0] * size[1], 0) for i in range(32)]).to(images.device)
    mask = torch.zeros(32, 2, *size, dtype=torch.uint8, device=images.device)
    mask[:, :, 50:150, 40:160] = 1
    other = rivals(maps.logits, torch.zeros_like(maps.logits, dtype=torch.bool))
    shared = BatchInputs(size, permutations, maps.logits, other, mask, mask)

    def metric_of_maps() -> torch.Tensor:
        inputs = MapInputs(shared, maps.signed["gradcam", LAYER])  # anew: orders and upsampled maps are kept in it
        return METRICS[metric].function(**{name: getattr(inputs, name) for name in METRICS[metric].inputs})

    against("metric", metric_of_maps, lambda: bare_forward(classifier, normalised), 32, metric=metric, batch=32)


def test_end_to_end(against, classifier, photographs, job, tmp_path):
    images = 4
    normalised = classifier.normalise(photographs[:images])
    config = replace(job, limit=images, steps=8, workers=0, no_report=True)
    folders = (tmp_path / str(number) for number in count())
    against(
        "end to end, 8 steps, without report",
        lambda: run(replace(config, out=next(folders))),
        lambda: bare_forward(classifier, normalised),
        images,
        rounds=5,
        batch=images,
    )
