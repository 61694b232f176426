"""Which controls get curves, and that it changes none of their numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.engine import Job, Stopwatch, control_sample, layer_shapes, score_batch
from cam import CONTROLS, METHODS, Network
from datasets import Batch
from metrics import METRICS

IDS = ("0.jpg", "1.jpg", "2.jpg", "3.jpg")
CURVED = ("srg_probability", "deletion_auc", "average_drop")
LAYERS = ("1", "3")
SIZE, CPU = (24, 24), torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    body = (nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU())
    return Network(nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)).eval())


def scored(network: Network, how: str, images: frozenset[str] | None = None):
    present = torch.eye(2, dtype=torch.bool)[[0, 1, 0, 1]]
    pictures = torch.rand(4, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    masks = torch.ones(4, 2, *SIZE, dtype=torch.uint8)
    batch = Batch(IDS, tuple(range(4)), pictures, present, masks, None, None, None, ())
    metrics = {name: METRICS[name] for name in (*CURVED, "effective_area")}
    layers = layer_shapes(network, SIZE, LAYERS, CPU)
    job = Job(
        network, ("cat", "dog"), SIZE, (0.5,) * 3, layers, {"gradcam": METHODS["gradcam"]}, CONTROLS, metrics, CPU,
        control_curves=how, control_images=images, steps=4, batch_size=4,
    )  # fmt: skip
    with torch.inference_mode():
        return score_batch(batch, job, network.model, Stopwatch(CPU)).values


def test_all_controls_get_curves_at_the_first_layer_on_the_chosen_images_alone(network):
    every, some = scored(network, "all"), scored(network, "sampled", frozenset(IDS[1:3]))
    for control in (*CONTROLS, "control_negated_gradcam"):
        for metric in CURVED:
            rows, values = some[control, "1", metric]
            free = control.startswith("control_negated") and metric == "srg_probability"
            assert rows.tolist() == ([0, 3, 4, 7] if free else [3, 4]), (control, metric)  # right maps: 2 i + label
            whole = dict(zip(*(part.tolist() for part in every[control, "1", metric]), strict=True))
            np.testing.assert_allclose(values, [whole[row] for row in rows.tolist()], atol=1e-6)
            assert (control, "3", metric) in every
            assert ((control, "3", metric) in some) is free
        assert len(some[control, "3", "effective_area"][0]) == 8


def test_without_a_choice_all_images_have_them_and_cheap_ones_have_none(network):
    every, all_images, none = scored(network, "all"), scored(network, "sampled"), scored(network, "none")
    for metric in CURVED:
        torch.testing.assert_close(all_images["control_sobel", "1", metric], every["control_sobel", "1", metric])
        assert ("control_sobel", "1", metric) not in none
    assert ("control_negated_gradcam", "1", "srg_probability") in none


@pytest.mark.parametrize(("images", "chosen"), [(3, 3), (24, 24), (40, 24), (101, 51), (1000, 128)])
def test_half_of_the_images_are_chosen_at_least_24_and_at_most_128(images, chosen):
    ids = [f"{number}.jpg" for number in range(images)]
    found = control_sample(ids, 0)
    assert len(found) == chosen
    assert found == control_sample(ids[::-1], 0)
    assert images < 25 or found != control_sample(ids, 1)
