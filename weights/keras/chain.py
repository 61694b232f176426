"""The layers of a Keras model one after the other, from its configuration; models in it are unfolded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from weights.errors import Refused

MODELS = ("Sequential", "Functional", "Model")
DEPTH, LAYERS = 8, 1000  # models in models; layers of one
ACTIVATIONS = {"ReLU": "relu", "Softmax": "softmax"}  # layers that do nothing else


@dataclass(frozen=True)
class Layer:
    """A layer as the configuration describes it.

    Attributes:
        kind: its class.
        name: that the user or Keras gave it.
        settings: its `config`.
        place: the groups in which a .keras file keeps its weights, from the outermost model's on.
        top: name of the outermost model's layer that it is or lies in; an .h5 file has a group of that name.
    """

    kind: str
    name: str
    settings: Mapping[str, Any]
    place: tuple[str, ...]
    top: str

    @property
    def activation(self) -> str:
        """Name of its activation; linear where it has none."""
        said = self.settings.get("activation")
        said = said.get("config") if isinstance(said, dict) and isinstance(said.get("config"), str) else said
        return "linear" if said is None else str(said["class_name"] if isinstance(said, dict) else said)


def chain_of(model: Any) -> list[Layer]:
    """All layers in the order in which they run, an activation that is a layer of its own in the layer before it.

    Args:
        model: of the file, with `class_name` and `config`.

    Raises:
        Refused: a configuration that is none, or a model that is no chain.
    """
    try:
        return _merged(list(_unfolded(model, (), None, 0)))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Refused("has a configuration that cannot be read; save it again with model.save('F.keras')") from error


def _unfolded(model: Any, place: tuple[str, ...], top: str | None, depth: int) -> Iterator[Layer]:
    settings = model["config"]
    if model["class_name"] not in MODELS:
        raise Refused(
            f"is a model of class '{str(model['class_name'])[:50]}', expected Sequential or Functional layers"
        )
    layers = settings["layers"]
    if depth > DEPTH or len(layers) > LAYERS:
        raise Refused(f"has more than {LAYERS} layers or models {DEPTH} deep in each other, which is refused")
    groups = dict(zip([_name(layer) for layer in layers], _groups(layers), strict=True))
    if len(groups) < len(layers):
        raise Refused("has two layers of one name; save it again with model.save('F.keras')")
    for layer in layers if model["class_name"] == "Sequential" else _in_order(settings, layers):
        name = _name(layer)
        inside, outermost = (*place, groups[name]), name if top is None else top
        if isinstance(layer["config"], dict) and "layers" in layer["config"]:
            yield from _unfolded(layer, inside, outermost, depth + 1)
        else:
            yield Layer(str(layer["class_name"]), name, dict(layer["config"]), inside, outermost)


def _name(layer: Any) -> str:
    return str(layer["config"]["name"])


def _groups(layers: list[Any]) -> Iterator[str]:
    """What a .keras file calls them: the class in small letters, numbered from the second of a class on."""
    seen: dict[str, int] = {}
    for layer in layers:
        spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", layer["class_name"]))
        group = re.sub(r"\W+", "", spaced).lower()
        seen[group] = seen.get(group, -1) + 1
        yield f"{group}_{seen[group]}" if seen[group] else group


def _in_order(settings: Any, layers: list[Any]) -> Iterator[Any]:
    """A functional model's layers from its output back to its input, turned round; each must have one before it."""
    named = {_name(layer): layer for layer in layers}
    chain, name = [], _only(_tensors(settings["output_layers"]), "the model")
    while True:
        layer = named.pop(name)
        chain.append(layer)
        if layer["class_name"] == "InputLayer":
            break
        name = _only(_tensors(layer["inbound_nodes"]), f"layer '{name[:50]}'")
    if named:
        raise Refused(f"is no chain: layer '{next(iter(named))[:50]}' lies beside it; expected one layer after another")
    yield from chain[::-1]


def _only(names: list[str], what: str) -> str:
    if len(names) != 1:
        raise Refused(f"is no chain: {what} joins {len(names)} layers; expected one layer after another")
    return names[0]


def _tensors(value: Any) -> list[str]:
    """The layers whose outputs a node takes, in the ways of Keras 2, [name, 0, 0, {}], and 3, a table per tensor."""
    if isinstance(value, dict):
        history = value["config"]["keras_history"] if value.get("class_name") == "__keras_tensor__" else None
        return [str(history[0])] if history else [name for each in value.values() for name in _tensors(each)]
    if not isinstance(value, list):
        return []
    if len(value) in (3, 4) and isinstance(value[0], str) and isinstance(value[1], int):
        return [value[0]]
    return [name for each in value for name in _tensors(each)]


def _merged(layers: list[Layer]) -> list[Layer]:
    """Without the layers that are but the activation of the one before."""
    found: list[Layer] = []
    for layer in layers:
        activation = layer.activation if layer.kind == "Activation" else ACTIVATIONS.get(layer.kind)
        plain = all(not layer.settings.get(key) for key in ("max_value", "negative_slope", "threshold"))
        if activation and plain and found and found[-1].activation == "linear" and "units" in found[-1].settings:
            found[-1] = replace(found[-1], settings={**found[-1].settings, "activation": activation})
        else:
            found.append(layer)
    return found
