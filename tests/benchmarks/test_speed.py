"""Time of the stages against a bare forward pass of the network on as many ready-made images."""

import pytest
import torch

from cam import METHODS, compute_maps, upsample
from metrics.ordering import rank_pixels, tie_permutation
from metrics.perturbation import masked_logits
from metrics.substrates import blur_substrate

FUNCTIONS = {name: METHODS[name].function for name in ("gradcam", "layercam")}
STEPS = 32


def bare_forward(classifier, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return classifier.network(images)


@pytest.mark.parametrize("batch", [1, 8, 32, 128])
def test_maps(against, classifier, photographs, batch):
    images = photographs[:batch]
    normalised = classifier.normalise(images)
    against(
        f"maps, 2 methods x 2 classes, batch {batch}",
        lambda: compute_maps(classifier, classifier.network, images, ("features.11",), FUNCTIONS),
        lambda: bare_forward(classifier, normalised),
        batch,
    )


@pytest.mark.parametrize("batch", [8, 32, 128])
def test_perturbation(against, classifier, photographs, batch):
    count = 4
    images = photographs[:count]
    maps = compute_maps(classifier, classifier.network, images, ("features.11",), FUNCTIONS)
    size = images.shape[-2:]
    permutations = torch.stack([tie_permutation(str(i), size.numel(), 0) for i in range(count)]).to(images.device)
    ranks = rank_pixels(upsample(maps.raw("gradcam", "features.11"), size)[:, 0], permutations)
    substrate = blur_substrate(images, classifier.checkpoint.preprocess.mean)
    ends = classifier(images), classifier(substrate)
    owner = torch.arange(count, device=images.device)
    masked = count * (STEPS - 1)
    normalised = classifier.normalise(photographs[:masked])

    def perturb() -> torch.Tensor:
        with torch.inference_mode():
            return masked_logits(
                classifier, images, substrate, ranks, owner,
                ends=ends, steps=STEPS, direction="insertion", batch_size=batch,
            )  # fmt: skip

    def forward_loop() -> list[torch.Tensor]:
        return [bare_forward(classifier, part) for part in normalised.split(batch)]

    against(f"deletion or insertion, batch {batch}", perturb, forward_loop, masked)
