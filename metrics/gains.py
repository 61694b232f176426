"""SRG under other substrates than RISE's blur: one metric per substrate, made when it is asked for."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from torch import Tensor

from metrics.perturbation import Curve, auc
from metrics.registry import Metric
from metrics.substrates import BLUR, SUBSTRATES

FAMILY: Literal["substrates"] = "substrates"
GAINS = ("srg_probability", "srg_margin")  # that are scored under other substrates


def name_under(metric: str, substrate: str) -> str:
    """Name of a gain under a substrate; under the blur its own."""
    return metric if substrate == BLUR else f"{metric}_{substrate}"


def gains_under(substrate: str, chosen: tuple[str, ...] = GAINS) -> dict[str, Metric]:
    """`srg_probability` and `srg_margin` with another substrate in place of the blur, by name.

    Args:
        substrate: key of `metrics.substrates.SUBSTRATES`.
        chosen: which of the two.
    """
    title = SUBSTRATES[substrate].title
    meaning = f"SRG with {title} in place of the blur; 0 for a random order"
    shared = partial(Metric, family=FAMILY, direction="higher", meaning=meaning, source="Bluecher et al. 2024")
    made = {
        "srg_probability": shared(
            _gain(substrate, "probability"), f"SRG, {title}", range=(-1.0, 1.0), unit="probability"
        ),
        "srg_margin": shared(_gain(substrate, "margin"), f"SRG (margin), {title}", unit="logits"),
    }
    return {name_under(name, substrate): metric for name, metric in made.items() if name in chosen}


def _gain(substrate: str, of: str) -> Callable[..., Tensor]:
    """Insertion AUC minus deletion AUC of the curves' probability or margin; its parameters are the two curves."""
    names = [f"{direction}_{substrate}" for direction in ("insertion", "deletion")]

    def gain(**curves: Curve) -> Tensor:
        insertion, deletion = (getattr(curves[name], of) for name in names)
        return auc(insertion - deletion)

    parameters: list[Any] = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    gain.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return gain
