"""Smoothed maps in the engine are the smoothed maps as if somebody had brought them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench import evaluate
from bench.errors import ConfigError
from metrics.smoothing import gaussian

OPTIONS = {"steps": 4, "controls": "none", "protocols": ("srg",), "metrics": ["srg_probability", "effective_area"]}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU(), *head)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def values(result, method: str) -> pd.Series:
    own = result.scores[result.scores["method"].eq(method) & result.scores["metric"].eq("srg_probability")]
    return own.set_index(["image_id", "target", "role"])["value"]


def test_they_score_as_maps_that_were_smoothed_outside(network, images):
    labels = [0, 1, 0, 1, 1]
    found = evaluate(network, images, labels, methods=["layercam"], smooth=(0.5, 2), **OPTIONS)
    (maps,) = found.maps.values()
    theirs = {f"own{sigma:g}": gaussian(torch.from_numpy(np.asarray(maps)), sigma).numpy() for sigma in (0.5, 2)}
    brought = evaluate(network, images, labels, methods=["layercam"], maps=theirs, **OPTIONS)
    for sigma in (0.5, 2):
        own = values(found, f"smoothed_{sigma:g}_layercam")
        assert len(own) == 5
        pd.testing.assert_series_equal(own, values(brought, f"own{sigma:g}")[own.index], rtol=1e-5, check_names=False)
    assert set(found.scores.query("method == 'smoothed_2_layercam'")["metric"]) == {"srg_probability"}
    assert set(found.scores.query("method == 'smoothed_2_layercam'")["role"]) == {"right"}


def test_without_a_curve_there_is_nothing_to_smooth_for(network, images):
    with pytest.raises(ConfigError, match="smooth needs metrics of SRG"):
        evaluate(network, images, [0] * 5, smooth=(1,), protocols=("none",))
