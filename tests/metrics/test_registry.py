import functools

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


def powered(raw: torch.Tensor, power: int) -> torch.Tensor:
    return raw.pow(power).sum(dim=(1, 2))


class Peak:
    def __call__(self, raw: torch.Tensor) -> torch.Tensor:
        return raw.amax(dim=(1, 2))


@pytest.mark.parametrize("function", [functools.partial(powered, power=2), lambda raw: raw, Peak(), Peak().__call__])
def test_partials_lambdas_and_objects_are_functions_too(function):
    assert Metric(function, "x").inputs == ("raw",)


KNOWN = ", ".join(INPUTS)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda rwa: rwa, f"asks for an unknown input 'rwa' (did you mean 'raw'?); known: {KNOWN}"),
        (lambda zzz, yyy, raw: raw, f"asks for an unknown input 'zzz'; known: {KNOWN}"),
        (lambda **kwargs: kwargs, f"takes '**kwargs'; its parameters must be named: {KNOWN}"),
        (lambda: None, f"asks for nothing; its parameters must be among: {KNOWN}"),
        (functools.partial(powered), f"asks for an unknown input 'power'; known: {KNOWN}"),
        (eval("lambda raw, /: raw"), f"takes 'raw'; its parameters must be named: {KNOWN}"),
        (dict, "has no parameters that can be read; write it as a Python function"),
    ],
)
def test_functions_that_are_no_metric_are_refused_in_one_line(function, said):
    with pytest.raises(MetricError) as raised:
        Metric(function, "x")
    assert str(raised.value) == f"metric 'x' {said}"


@pytest.mark.parametrize("roles", [("left",), (), ("right", "left")])
def test_roles_are_checked(roles):
    with pytest.raises(MetricError) as raised:
        Metric(lambda raw: raw, "Spread", roles=roles)
    assert str(raised.value) == f"roles of metric 'Spread' are {roles}, expected some of right, wrong, present"


def test_what_the_manifest_records_of_a_metric():
    metric = Metric(powered_by_two, "T", "srg", "higher", (0.0, None), "u", "m", "s", ("right",), "yes")
    assert metric.describe() == {
        "title": "T", "family": "srg", "direction": "higher", "range": [0.0, None], "unit": "u", "meaning": "m",
        "source": "s", "validated": "yes",
    }  # fmt: skip


def powered_by_two(raw: torch.Tensor) -> torch.Tensor:
    return powered(raw, 2)
