"""From named inputs to values: which metric is given where, and nothing where there is no finite map.

Rows are those of `metrics.inputs.MapInputs`: b * K + k is image b, target k, N = B * K.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metrics.inputs import BatchInputs, MapInputs
from metrics.localisation import IGNORE
from metrics.registry import OTHER_MAPS, Metric

Forward = Mapping[str, Any]  # curves, a tensor on the host, functions


def known_rows(batch: BatchInputs, roles: Sequence[str] | np.ndarray) -> dict[str, np.ndarray]:
    """Per annotation (see `metrics.registry.ANNOTATIONS`) the rows that have it, (N,) bool.

    One that is "ignore" everywhere is not there; that of the other class is there on images of both alone.

    Args:
        batch: what is known about the images.
        roles: of every row, (N,).
    """
    both = np.asarray(roles) == "present"
    known = {}
    for name, annotation in (("mask", batch.masks), ("face", batch.faces)):
        there = torch.zeros(batch.logits.shape, dtype=torch.bool)
        if annotation is not None:
            there = (annotation != IGNORE).flatten(2).any(dim=2).cpu()
        known[name] = there.flatten().numpy()
        known[f"other_{name}"] = there.gather(1, batch.rivals.cpu()).flatten().numpy() & both
    effect = batch.part_effect
    drawn = np.zeros(len(both), dtype=bool)
    if effect is not None:
        drawn = (~effect.isnan()).flatten(0, 1).any(dim=1).cpu().numpy()
    return {**known, "parts": drawn, "part_effect": drawn, "certified": drawn}


def applicable(metric: Metric, roles: Sequence[str] | np.ndarray, known: Mapping[str, np.ndarray]) -> np.ndarray:
    """The rows a metric is given for, (N,) bool: its roles, where every annotation is known that it asks for."""
    applies: np.ndarray = np.isin(np.asarray(roles), metric.roles)
    for name in metric.annotations:
        applies = applies & known[name]
    return applies


def defined_rows(metric: Metric, inputs: MapInputs) -> Tensor:
    """The rows whose map is finite, and the other class's where the metric compares the two; (N,) bool."""
    both = any(name in OTHER_MAPS for name in metric.inputs)
    return inputs.defined & inputs.other_defined if both else inputs.defined


def evaluate(metric: Metric, inputs: MapInputs, rows: Tensor, forward: Forward, forward_rows: Tensor) -> Tensor:
    """Values of one metric.

    Args:
        metric: a registry entry, or one's own.
        inputs: of all N maps.
        rows: where it is given, (R,).
        forward: what the network was run again for, at `forward_rows`, on the host; and functions that run it.
        forward_rows: (F,), in ascending order.

    Returns:
        (R,) float64 on the host; NaN where undefined, as it is at every row without a finite map, whatever the
        function makes of the empty one in its place. An infinite value is undefined too.
    """
    values = torch.full((len(inputs.defined),), torch.nan, dtype=torch.float64)
    if not metric.needs_forward:
        values = metric.function(**{name: getattr(inputs, name) for name in metric.inputs}).double().cpu()
    elif len(forward_rows):
        rows_there = forward_rows.to(inputs.signed_maps.device)
        arguments = {
            name: forward[name] if name in forward else getattr(inputs, name)[rows_there] for name in metric.inputs
        }
        if metric.perturbs:  # curves are on the host
            arguments = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in arguments.items()}
        values[forward_rows] = metric.function(**arguments).double().cpu()
    defined = defined_rows(metric, inputs).cpu() & values.isfinite()
    return values.masked_fill(~defined, torch.nan)[rows]
