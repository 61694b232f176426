import pytest
import torch

from metrics import CURVES, INPUTS, METRICS, PROTOCOLS, Metric, MetricError


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_says_how_to_read_it(name):
    metric = METRICS[name]
    assert metric.title
    assert metric.meaning
    assert metric.unit
    assert metric.direction in ("higher", "lower", "none")
    assert metric.function.__doc__
    assert metric.function.__name__ == name


@pytest.mark.parametrize("name", sorted(METRICS))
def test_curve_metrics_use_the_curves_of_their_protocol(name):
    metric = METRICS[name]
    provided = PROTOCOLS[metric.family].curves if metric.family in PROTOCOLS else ()
    assert set(metric.curves) <= set(provided)
    assert bool(metric.curves) == (metric.family in PROTOCOLS)


def test_inputs_are_the_parameter_names():
    def spread(raw: torch.Tensor, ranks: torch.Tensor) -> torch.Tensor:
        return raw

    metric = Metric(spread, "Spread")
    assert metric.inputs == ("raw", "ranks")
    assert not metric.needs_forward
    assert set(CURVES) < set(INPUTS)


def test_unknown_inputs_are_named():
    def broken(raw: torch.Tensor, saliency: torch.Tensor) -> torch.Tensor:
        return raw

    with pytest.raises(MetricError, match=r"metric 'Broken' asks for an unknown input 'saliency'; known: raw, signed"):
        Metric(broken, "Broken")
