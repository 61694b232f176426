"""Class activation maps: one tap captures what a network does, every method is a function of named inputs."""

from cam.candidates import Candidate, candidates, default_candidate
from cam.controls import CONTROLS, LADDER, NEGATED
from cam.form import LayerError
from cam.inputs import MapBatch, MapInputs, Network
from cam.maps import Maps, compute_maps, maps_of, tap_for, upsample
from cam.methods import gradcam, layercam
from cam.registry import MAP_INPUTS, Method, MethodError
from cam.tap import Tapped, check_layers, tap

__all__ = [
    "CONTROLS",
    "LADDER",
    "MAP_INPUTS",
    "METHODS",
    "NEGATED",
    "Candidate",
    "LayerError",
    "MapBatch",
    "MapInputs",
    "Maps",
    "Method",
    "MethodError",
    "Network",
    "Tapped",
    "candidates",
    "check_layers",
    "compute_maps",
    "default_candidate",
    "maps_of",
    "tap",
    "tap_for",
    "upsample",
]

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
