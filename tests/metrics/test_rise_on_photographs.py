"""Deletion, insertion and SRG on real photographs against an independent step-by-step protocol."""

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from cam import METHODS, Network, compute_maps, upsample
from metrics.ordering import rank_pixels, tie_permutation
from metrics.perturbation import auc, auc_error, curve, masked_logits, srg_margin, srg_probability
from metrics.statistics.intervals import mean_interval
from metrics.substrates import blur_substrate, mean_substrate

SIZE = (224, 224)
PIXELS = SIZE[0] * SIZE[1]


def curves(classifier, images, maps, steps, direction, substrate, batch_size=32):
    """Logits of our implementation, one map per image."""
    with torch.inference_mode():
        ranks = rank_pixels(maps, torch.stack([tie_permutation(str(i), PIXELS, 0) for i in range(len(maps))]))
        return masked_logits(
            classifier, images, substrate, ranks, torch.arange(len(images)),
            ends=(classifier(images), classifier(substrate)),
            steps=steps, direction=direction, batch_size=batch_size,
        )  # fmt: skip


def rise_reference(classifier, image: np.ndarray, saliency: np.ndarray, mode: str, target: int, per_step: int) -> float:
    """RISE's causal metric one step after the other, in normalised space, as its paper describes it."""
    preprocess = classifier.checkpoint.preprocess
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (preprocess.mean, preprocess.std))
    normalised = (image - mean) / std
    if mode == "del":
        start, finish = normalised.copy(), np.zeros_like(normalised)
    else:
        impulse = np.zeros((11, 11))
        impulse[5, 5] = 1
        kernel = ndimage.gaussian_filter(impulse, 5)
        start = np.stack([signal.convolve2d(channel, kernel, mode="same") for channel in normalised]).astype(np.float32)
        finish = normalised.copy()
    order = np.argsort(-saliency.ravel())
    scores = []
    for step in range(len(order) // per_step + 1):
        with torch.inference_mode():
            logits = classifier.network(torch.from_numpy(start.astype(np.float32))[None]).double()[0]
        scores.append(float(logits.softmax(0)[target]))
        chosen = order[per_step * step : per_step * (step + 1)]
        start.reshape(3, -1)[:, chosen] = finish.reshape(3, -1)[:, chosen]
    values = np.array(scores)
    return float((values.sum() - values[0] / 2 - values[-1] / 2) / (len(values) - 1))


@pytest.mark.parametrize(("mode", "number", "target"), [("del", 0, 0), ("ins", 5, 1)])
def test_areas_at_224_steps_equal_an_independent_rise_protocol(narrow, photographs, mode, number, target):
    """Deletion from a cat, insertion of a dog: each takes 450 passes of the network."""
    images, targets = photographs[[number]], torch.tensor([target])
    maps = compute_maps(
        Network(narrow, narrow.network), images, ("features.11",), {k: METHODS[k] for k in ("gradcam", "layercam")}
    )
    signed = maps.signed["gradcam", "features.11"]
    maps = upsample(signed, SIZE)[:, target].double()  # before the ReLU: no plateau
    maps += torch.linspace(0, 1e-9, PIXELS, dtype=torch.float64).view(SIZE)
    assert len(maps.unique()) == PIXELS
    mean = narrow.checkpoint.preprocess.mean
    substrate = mean_substrate(images, mean) if mode == "del" else blur_substrate(images, mean)
    direction = "deletion" if mode == "del" else "insertion"
    ours = auc(curve(curves(narrow, images, maps, 224, direction, substrate), targets).probability)
    theirs = rise_reference(narrow, images[0].numpy(), maps[0].numpy(), mode, target, 224)
    assert ours.tolist() == pytest.approx([theirs], abs=1e-5)


def test_a_random_order_has_no_relevance_gain(narrow, photographs):
    """Expectation 0 on probability and margin, over random orders of real photographs."""
    images = photographs.repeat(4, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(len(images), *SIZE, generator=generator)
    blur = blur_substrate(images, narrow.checkpoint.preprocess.mean)
    target = torch.tensor([0, 0, 0, 1, 1, 1]).repeat(4)
    inserted, deleted = (
        curve(curves(narrow, images, maps, 8, direction, blur), target) for direction in ("insertion", "deletion")
    )
    for gain in (srg_probability(inserted, deleted), srg_margin(inserted, deleted)):
        low, high = mean_interval(gain.numpy())
        assert low <= 0 <= high
        assert gain.abs().max() > 0


def test_error_estimate_bounds_the_distance_to_a_fine_grid_on_average(narrow, photographs):
    y, x = torch.meshgrid(torch.arange(224.0), torch.arange(224.0), indexing="ij")
    centred = torch.exp(-((y - 112) ** 2 + (x - 112) ** 2) / 5000).expand(len(photographs), -1, -1)
    blur = blur_substrate(photographs, narrow.checkpoint.preprocess.mean)
    target = torch.tensor([0, 0, 0, 1, 1, 1])
    fine, coarse = (
        curve(curves(narrow, photographs, centred, steps, "insertion", blur), target).probability for steps in (64, 16)
    )
    assert (auc(fine) - auc(coarse)).abs().mean() <= auc_error(coarse).mean()
    assert auc_error(coarse).mean() < 0.05
