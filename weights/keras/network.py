"""Which VGG16 a chain of Keras layers is: its trunk, its head, and what lies before and behind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from weights.errors import Refused
from weights.keras.chain import Layer, chain_of
from weights.vgg_keras import SHRINKS, TRUNK

# Layers that do nothing in evaluation.
INERT = (
    "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization",
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
)  # fmt: skip
POOLED = {"GlobalAveragePooling2D": "average", "GlobalMaxPooling2D": "max"}
CONVOLUTION = {
    "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "dilation_rate": [1, 1], "groups": 1,
    "use_bias": True, "data_format": "channels_last",
}  # fmt: skip
POOL = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}
WIDEST, LARGEST = 65_536, 2048  # units of a dense layer, pixels of a side
SUPPORTED = "expected VGG16's convolutions and pools, then Flatten or a global pool, then Dense layers"


@dataclass(frozen=True)
class Network:
    """A VGG16 of Keras.

    Attributes:
        arch: what it is called here.
        side: of its images, pixels.
        flat: side of the last map where it is flattened, else None.
        convolutions: layers by our names.
        dense: the same of the head.
        outputs: of the last layer.
        rescaling: scale and offset of its own Rescaling layer, None without.
        notes: what was left out.
    """

    arch: str
    side: int
    flat: int | None
    convolutions: Mapping[str, Layer]
    dense: Mapping[str, Layer]
    outputs: int
    rescaling: tuple[float, float] | None
    notes: tuple[str, ...]


def understood(model: Any) -> Network:
    """The network that a configuration describes.

    Raises:
        Refused: it is no VGG16 with dense layers behind it.
    """
    layers = chain_of(model)
    inert = sorted({layer.kind for layer in layers if layer.kind in INERT})
    side = _side(layers)
    running = iter([layer for layer in layers if layer.kind not in (*INERT, "InputLayer")])
    rescaling, layer = _rescaling(next(running, None), running)
    convolutions = _trunk(layer, running)
    kind, dense = _head(running)
    flat = side // SHRINKS if kind == "flat" else None
    *hidden, last = dense
    ending = last.activation
    notes = [f"{ending} at the end left out: the logits before it are kept"] if ending != "linear" else []
    notes += [f"left out, as they do nothing in evaluation: {', '.join(inert)}"] if inert else []
    widths = "".join(f"_{layer.settings['units']}" for layer in hidden)
    return Network(
        arch=f"vgg16_keras_{kind}{flat or ''}{widths}",
        side=side,
        flat=flat,
        convolutions=convolutions,
        dense={**{f"fc{i}": each for i, each in enumerate(hidden, start=1)}, "predictions": last},
        outputs=int(last.settings["units"]),
        rescaling=rescaling,
        notes=tuple(notes),
    )


def _side(layers: list[Layer]) -> int:
    """Of the images, which must be square; 224 where the model takes any."""
    shapes = [layer.settings.get("batch_shape") or layer.settings.get("batch_input_shape") for layer in layers]
    shape = next((each for each in shapes if each), None)
    if not isinstance(shape, list) or len(shape) != 4 or shape[3] != 3:
        raise Refused(f"takes images of shape {str(shape)[:60]}, expected (None, side, side, 3): RGB, channels last")
    if shape[1:3] == [None, None]:
        return 224
    if shape[1] != shape[2] or not isinstance(shape[1], int) or not SHRINKS <= shape[1] <= LARGEST:
        raise Refused(f"takes images of {shape[1]} x {shape[2]} pixels, expected a square of {SHRINKS} to {LARGEST}")
    return shape[1]


def _rescaling(layer: Layer | None, rest: Iterator[Layer]) -> tuple[tuple[float, float] | None, Layer | None]:
    """Scale and offset of a Rescaling layer at the start, and the first layer that is none."""
    if layer is None or layer.kind != "Rescaling":
        return None, layer
    scale, offset = (layer.settings.get(key) for key in ("scale", "offset"))
    if isinstance(scale, int | float) and isinstance(offset, int | float) and 1e-6 < scale < 1e6 > abs(offset):
        return (float(scale), float(offset)), next(rest, None)
    said = f"{str(scale)[:40]} and {str(offset)[:40]}"
    raise Refused(f"rescales by {said} in layer '{layer.name[:50]}', expected one scale above 0 and one offset")


def _trunk(first: Layer | None, rest: Iterator[Layer]) -> dict[str, Layer]:
    """The thirteen convolutions by our names; pools between the blocks are checked."""
    layers = chain([first], rest)
    found: dict[str, Layer] = {}
    for name, width in TRUNK.items():
        wanted = {**CONVOLUTION, "filters": width, "activation": "relu"}
        found[name] = _checked(next(layers, None), "Conv2D", wanted, name)
        block, number = name.split("_conv")
        if f"{block}_conv{int(number) + 1}" not in TRUNK:
            _checked(next(layers, None), "MaxPooling2D", POOL, f"{block}_pool")
    return found


def _checked(layer: Layer | None, kind: str, wanted: Mapping[str, Any], place: str) -> Layer:
    """The layer, if it is the one that VGG16 has there."""
    if layer is None or layer.kind != kind:
        raise Refused(f"has {_called(layer)} where VGG16 has {place} ({kind}); {SUPPORTED}")
    for key, value in wanted.items():
        said = layer.activation if key == "activation" else _both(layer.settings, key, value)
        if said != value:
            raise Refused(f"has layer '{layer.name[:50]}' with {key} {str(said)[:40]}, VGG16's {place} has {value}")
    return layer


def _both(settings: Mapping[str, Any], key: str, default: Any) -> Any:
    """A setting; one number stands for both sides, and what is not said is as usual."""
    said = settings.get(key)
    if said is None or (key == "strides" and said == "valid"):
        return default
    if isinstance(default, list) and isinstance(said, int):
        return [said, said]
    return list(said) if isinstance(said, tuple) else said


def _head(rest: Iterator[Layer]) -> tuple[str, list[Layer]]:
    """Flat, average or max, and the dense layers behind it, of which all but the last have a ReLU."""
    layer = next(rest, None)
    if layer is None or (layer.kind != "Flatten" and layer.kind not in POOLED):
        raise Refused(f"has {_called(layer)} behind block5_pool; {SUPPORTED}")
    if layer.settings.get("keepdims") or layer.settings.get("data_format", "channels_last") != "channels_last":
        raise Refused(f"has layer '{layer.name[:50]}' with keepdims or channels first; {SUPPORTED}")
    dense = list(rest)
    for each in dense:
        units = each.settings.get("units")
        if each.kind != "Dense" or not each.settings.get("use_bias", True) or not isinstance(units, int):
            raise Refused(f"has {_called(each)} in its head; {SUPPORTED}, with bias")
        if not 1 <= units <= WIDEST:
            raise Refused(f"has layer '{each.name[:50]}' of {units} units, expected 1 to {WIDEST}")
    if not dense:
        raise Refused(f"has no Dense layer behind its trunk; give the whole classifier, {SUPPORTED}")
    odd = next((each for each in dense[:-1] if each.activation != "relu"), None)
    if odd is not None:
        raise Refused(
            f"has layer '{odd.name[:50]}' with activation {odd.activation[:40]}, expected relu before the last"
        )
    last, units = dense[-1].activation, dense[-1].settings["units"]
    if not {"linear": True, "softmax": units > 1, "sigmoid": units == 1}.get(last, False):
        raise Refused(f"ends in {units} outputs with {last[:40]}; expected 1 with sigmoid, 2 with softmax, or logits")
    return POOLED.get(layer.kind, "flat"), dense


def _called(layer: Layer | None) -> str:
    if layer is None:
        return "nothing"
    code = ", which is code and never run," if layer.kind == "Lambda" else ""
    return f"layer '{layer.name[:50]}' ({layer.kind[:50]}){code}"
