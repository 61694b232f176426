"""Class activation maps: one tap captures activations and gradients, every method is a pure function of them."""

from dataclasses import dataclass

from cam.maps import MapFunction, Maps, compute_maps, upsample
from cam.methods import gradcam, layercam
from cam.references import CONTROLS, LADDER, NEGATED, Reference, ReferenceInputs
from cam.tap import LayerError, Tapped, check_layers, tap

__all__ = [
    "CONTROLS",
    "LADDER",
    "METHODS",
    "NEGATED",
    "LayerError",
    "MapFunction",
    "Maps",
    "Method",
    "Reference",
    "ReferenceInputs",
    "Tapped",
    "check_layers",
    "compute_maps",
    "tap",
    "upsample",
]


@dataclass(frozen=True)
class Method:
    """A registry entry: the function (A, G) -> S and what a reader needs to know about it."""

    function: MapFunction
    title: str
    meaning: str
    source: str


METHODS = {
    "gradcam": Method(
        gradcam,
        "Grad-CAM",
        "channels weighted by their mean gradient, negative evidence subtracted before the ReLU",
        "Selvaraju et al. 2017",
    ),
    "layercam": Method(
        layercam,
        "LayerCAM",
        "every cell of every channel weighted by its own positive gradient",
        "Jiang et al. 2021",
    ),
}
