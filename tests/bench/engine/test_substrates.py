"""SRG under other substrates in the engine: first layer, methods, smoothed maps; a random order gains nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench import evaluate
from bench.errors import ConfigError
from metrics.substrates import SUBSTRATES

OTHERS = tuple(name for name in SUBSTRATES if name != "blur")
OPTIONS = {"steps": 4, "protocols": ("srg",), "metrics": ["srg_probability"], "layers": ["1", "3"]}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU(), *head)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def result(network, images):
    return evaluate(network, images, [0, 1, 0, 1, 1], methods=["layercam"], smooth=(1,), substrates=("all",), **OPTIONS)


def test_every_substrate_has_a_metric_at_the_first_layer(result):
    found = result.scores.groupby(["method", "layer"])["metric"].agg(set)
    names = {"srg_probability", *(f"srg_probability_{name}" for name in OTHERS)}
    assert found["layercam", "1"] == found["smoothed_1_layercam", "1"] == names
    assert found["control_negated_layercam", "1"] == names
    assert found["layercam", "3"] == found["control_sobel", "1"] == {"srg_probability"}
    assert list(result.run.manifest["substrates"]) == list(SUBSTRATES)
    kept = set(result.curves.query("layer == '1'")["substrate"])
    assert kept == {*SUBSTRATES}


def test_it_is_the_area_between_the_two_curves(result):
    curves = result.curves.query("layer == '1' and method == 'layercam'").set_index(
        ["image_id", "substrate", "direction"]
    )["probability"]
    scores = result.scores.query("layer == '1' and method == 'layercam' and role == 'right'")
    for row in scores.itertuples():
        name = row.metric.removeprefix("srg_probability").lstrip("_") or "blur"
        inserted, deleted = (
            np.trapezoid(curves[row.image_id, name, way], dx=1 / 4) for way in ("insertion", "deletion")
        )
        assert row.value == pytest.approx(inserted - deleted, abs=1e-9)


def test_the_negated_map_loses_what_the_map_gains_whatever_the_substrate(result):
    values = result.scores.query("layer == '1' and role == 'right'").set_index(["method", "image_id", "metric"])[
        "value"
    ]
    own, turned = values["layercam"], values["control_negated_layercam"]
    pd.testing.assert_series_equal(turned, -own[turned.index], atol=1e-9, check_names=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"substrates": ("blurr",)}, "unknown substrate 'blurr' .did you mean 'blur'."),
        ({"substrates": ("mean",), "metrics": ["deletion_auc"], "protocols": ("rise",)}, "substrate 'mean' needs SRG"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(network, images, options, said):
    with pytest.raises(ConfigError, match=said):
        evaluate(network, images, [0] * 5, **{**OPTIONS, **options})
