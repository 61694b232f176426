"""A Keras VGG16 as a safetensors file: tensors turned round, preprocessing as the classifier's normalisation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from weights.classifier import Preprocess
from weights.errors import Refused, WeightsError, printable, unknown
from weights.keras.network import Network, understood
from weights.keras.stored import opened
from weights.vgg_keras import TRUNK

Arrays = dict[str, NDArray[np.float32]]
BGR_MEAN = (
    103.939,
    116.779,
    123.68,
)  # ImageNet's mean pixel, as keras.applications.vgg16.preprocess_input takes it off
# What is done to RGB pixels from 0 to 255 before they go in: scale and offset per channel, and whether they become BGR.
PREPROCESSING: dict[str, tuple[float, Sequence[float], bool]] = {
    "caffe": (1.0, [-mean for mean in BGR_MEAN], True),
    "rescale": (1 / 255, (0.0,) * 3, False),
    "tf": (2 / 255, (-1.0,) * 3, False),
    "raw": (1.0, (0.0,) * 3, False),
}


@dataclass(frozen=True)
class Converted:
    """A Keras model, converted.

    Attributes:
        content: of the safetensors file.
        arch: what the network is called here.
        notes: what was left out or assumed.
    """

    content: bytes
    arch: str
    notes: tuple[str, ...]


def convert(path: Path, *, preprocessing: str | None = None, classes: Sequence[str] | None = None) -> Converted:
    """A VGG16 that Keras saved, with whatever dense layers it has behind it.

    Kernels (h, w, in, out) become (out, in, h, w); the first dense layer behind Flatten takes (h, w, channel) in Keras
    and (channel, h, w) here; a final softmax or sigmoid is left out. The normalisation of `caffe`, BGR minus the mean
    pixel, becomes (x - mean) / std of RGB in [0, 1] with mean / 255 and std 1 / 255, the first layer's channels turned
    round. Keras is not needed, nothing in the file runs, and memory stays within a few times the file's size.

    Args:
        path: of an .h5 or .keras file.
        preprocessing: a key of `PREPROCESSING`; None: `raw` where the model has a Rescaling layer, else `caffe`.
        classes: in the order of the outputs, to be written into the file; None: not said.

    Raises:
        WeightsError: no such file, or a network that is none of these.
    """
    if preprocessing is not None and preprocessing not in PREPROCESSING:
        raise WeightsError(unknown("preprocessing", preprocessing, PREPROCESSING))
    if not path.is_file():
        raise WeightsError(f"Keras model '{printable(path)}' not found; give the path of an .h5 or .keras file")
    try:
        with opened(path) as stored:
            network = understood(stored.model)
            arrays = _arrays(network, stored)
            version = stored.version
        chosen = preprocessing or ("raw" if network.rescaling else "caffe")
        preprocess = _normalised(network, chosen, arrays)
    except Refused as error:
        raise WeightsError(f"Keras model '{printable(path)}' {error}") from error
    if classes is not None and len(classes) != max(network.outputs, 2):
        raise WeightsError(f"classes are {', '.join(classes)}, the network tells {max(network.outputs, 2)}; name those")
    about = {
        "arch": network.arch,
        "preprocess": json.dumps(preprocess.record()),
        "source": f"Keras {version} ({printable(path.name)})",
        **({} if classes is None else {"classes": json.dumps(list(classes))}),
    }
    notes = (*network.notes, *_assumptions(network, preprocessing, chosen))
    return Converted(safetensors.numpy.save(arrays, about), network.arch, notes)


def _arrays(network: Network, stored: Any) -> Arrays:
    """All kernels and biases by our names and in our order of dimensions."""
    found: Arrays = {}
    entering = 3
    for name, layer in network.convolutions.items():
        kernel = stored.array(layer, "kernel", (3, 3, entering, TRUNK[name]))
        found[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        found[f"{name}.bias"] = stored.array(layer, "bias", (TRUNK[name],))
        entering = TRUNK[name]
    side = network.flat or 1
    for name, layer in network.dense.items():
        units = int(layer.settings["units"])
        kernel = stored.array(layer, "kernel", (side * side * entering, units))
        turned = kernel.reshape(side, side, entering, units).transpose(3, 2, 0, 1).reshape(units, -1)
        found[f"{name}.weight"] = np.ascontiguousarray(turned)
        found[f"{name}.bias"] = stored.array(layer, "bias", (units,))
        entering, side = units, 1
    return found


def _normalised(network: Network, chosen: str, arrays: Arrays) -> Preprocess:
    """The classifier's preprocessing; the first layer's channels are turned to RGB in place.

    What goes in is a * 255 * x + b for x in [0, 1]: (x - mean) / std with std = 1 / (255 a), mean = -b * std.
    """
    scale, offsets, bgr = PREPROCESSING[chosen]
    more, shift = network.rescaling or (1.0, 0.0)
    if bgr:
        name = next(iter(TRUNK))
        arrays[f"{name}.weight"] = np.ascontiguousarray(arrays[f"{name}.weight"][:, ::-1])
        offsets = offsets[::-1]
    std = 1 / (255 * scale * more)
    r, g, b = (-(offset * more + shift) * std for offset in offsets)
    return Preprocess(resize=network.side, crop=network.side, mean=(r, g, b), std=(std, std, std))


def _assumptions(network: Network, given: str | None, chosen: str) -> list[str]:
    """What a user should check."""
    notes = []
    if given is None and network.rescaling:
        notes.append("preprocessing assumed: pixels from 0 to 255 into the model's own Rescaling (--preprocessing raw)")
    elif given is None:
        notes.append(
            f"preprocessing assumed: {chosen}, as keras.applications.vgg16.preprocess_input; if pixels were divided by "
            "255, convert again with --preprocessing rescale"
        )
    notes.append(
        f"Keras squeezes a picture into {network.side} x {network.side}; here its shorter side becomes {network.side} "
        "and the middle is cropped"
    )
    return notes
