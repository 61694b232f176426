"""Any number of classes through the whole engine."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.engine import Job, Stopwatch, layer_shapes, score_batch
from cam import CONTROLS, METHODS, Network
from datasets import Batch
from metrics import METRICS

CHOSEN = {name: METHODS[name] for name in ("gradcam", "layercam")}
SIDE, NAMES = 24, ("cat", "dog", "bird", "fish", "frog")


class Small(nn.Module):
    """Two convolutions and a linear head; classes beyond the second never win."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
        self.head = nn.Linear(8, classes)
        with torch.no_grad():
            for parameter in self.features.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
            self.head.weight.zero_()
            self.head.weight[:2] = torch.randn(2, 8, generator=generator)
            self.head.bias.fill_(-60)
            self.head.bias[:2] = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).mean(dim=(2, 3)))


def batch(classes: int, shown: list[list[int]]) -> Batch:
    generator = torch.Generator().manual_seed(1)
    count = len(shown)
    present = torch.zeros(count, classes, dtype=torch.bool)
    for row, names in zip(present, shown, strict=True):
        row[names] = True
    images = torch.randint(0, 256, (count, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    masks = torch.randint(0, 2, (count, 1, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    masks = torch.cat([masks, 1 - masks, *([masks] * (classes - 2))], dim=1)
    ids = tuple(f"{i}.jpg" for i in range(count))
    return Batch(ids, tuple(range(count)), images, present, masks, masks, None, None, ())


def scored(classes: int, shown: list[list[int]]):
    network = Network(Small(classes).eval())
    metrics = {name: metric for name, metric in METRICS.items() if not metric.needs_truth}
    device, size = torch.device("cpu"), (SIDE, SIDE)
    layers = layer_shapes(network, size, ("features.3",), device)
    job = Job(
        network, NAMES[:classes], size, (0.5,) * 3, layers, CHOSEN, CONTROLS, metrics, device,
        control_curves="all", targets=("right", "wrong"), steps=4,
        batch_size=8,
    )  # fmt: skip
    made = batch(classes, shown)
    with torch.inference_mode():
        return score_batch(made, job, network.model, Stopwatch(torch.device("cpu"))), metrics


SHOWN = [[0], [1], [0, 1], [1]]


@pytest.mark.parametrize("classes", [3, 5])
def test_classes_that_never_win_change_nothing(classes):
    """Right, wrong and present maps of cat and dog score as if there were no other class."""
    (two, metrics), (many, _) = scored(2, SHOWN), scored(classes, SHOWN)
    assert set(two.values) == set(many.values)
    assert {name for _, _, name in two.values} == {n for n, metric in metrics.items() if not metric.needs_others}
    for key, (rows, values) in two.values.items():
        others, found = many.values[key]
        place = {(row // classes, row % classes): n for n, row in enumerate(others.tolist())}
        order = [place[row // 2, row % 2] for row in rows.tolist()]
        assert len(others) == len(rows), key
        if key[2].endswith("_similarity"):  # a head of more classes is shuffled otherwise
            continue
        # five gradients at once are rounded otherwise than two, and may swap pixels of nearly equal rank
        atol = 2e-4 if key[2] == "pxap" or "ranks" in metrics[key[2]].inputs else 2e-6
        np.testing.assert_allclose(found[order], values, rtol=2e-5, atol=atol, err_msg=str(key))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_every_value_is_in_the_range_of_its_metric_and_every_role_is_there(classes):
    scores, metrics = scored(classes, [[classes - 1], [0], [0, classes - 1]])
    assert set(scores.roles) == {"right", "wrong", "present"} | ({""} if classes > 2 else set())
    assert len(scores.roles) == 3 * classes
    for (_, _, name), (rows, values) in scores.values.items():
        low, high = metrics[name].range
        defined = values[~values.isnan()]
        assert not set(scores.roles[rows.numpy()]) & {""}
        assert low is None or (defined >= low - 1e-6).all()
        assert high is None or (defined <= high + 1e-6).all()
