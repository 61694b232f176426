"""Architectures that need no line in the registry: torchvision's and timm's by name, and a user's own function."""

import copy
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torchvision import models

from weights.architectures import ARCHITECTURES, Architecture, named
from weights.errors import WeightsError, closest

COUNTS = ("num_classes", "classes")  # what a function calls the number of outputs
TRAINING_ONLY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}  # heads beside the last one
FAMILIES = {  # a tensor that all of a family have, and what their names begin with
    "layer1.0.conv1.weight": "resnet|resnext|wide_resnet",
    "features.denseblock1.denselayer1.conv1.weight": "densenet",
    "features.3.squeeze.weight": "squeezenet",
    "classifier.6.weight": "vgg",
    "Mixed_5b.branch1x1.conv.weight": "inception",
    "inception3a.branch1.conv.weight": "googlenet",
    "features.1.conv.0.0.weight": "mobilenet_v2",
    "features.1.block.0.0.weight": "mobilenet_v3",
    "features.1.0.block.0.0.weight": "efficientnet",
    "features.1.0.layer_scale": "convnext",
    "features.1.0.attn.qkv.weight": "swin",
    "encoder.pos_embedding": "vit",
    "trunk_output.block1.block1-0.f.a.0.weight": "regnet",
    "stage2.0.branch1.0.weight": "shufflenet",
    "layers.8.0.layers.0.weight": "mnasnet",
    "blocks.0.layers.0.layers.MBconv.layers.pre_norm.weight": "maxvit",
}


def find_architecture(name: str, own: Mapping[str, Architecture] = ARCHITECTURES) -> Architecture:
    """The architecture of a name: ours, else torchvision's, else timm's where it is installed.

    `timm/NAME` and `torchvision/NAME` say which library's is meant.

    Raises:
        WeightsError: nobody knows it; the message gives the closest name.
    """
    return named_or_found(name, own)[1]


def named_or_found(name: str, own: Mapping[str, Architecture] = ARCHITECTURES) -> tuple[str, Architecture]:
    """The same, and what it is called: an alias of one of ours has another name."""
    known = named(name, own)
    if known:
        return known
    library, _, plain = name.rpartition("/")
    if library in ("", "torchvision") and plain in torchvision_names():
        return name, _torchvision(plain)
    if library in ("", "timm") and ":" not in plain and has_timm() and _timm().is_model(plain):
        build = partial(_timm().create_model, plain, pretrained=False)
        return name, Architecture(lambda classes: build(num_classes=classes), None, "of timm")
    raise WeightsError(_unknown(name, own))


def torchvision_names() -> list[str]:
    """Of all its classifiers."""
    names: list[str] = models.list_models(module=models)
    return names


def has_timm() -> bool:
    """Whether timm is installed; importing it takes seconds."""
    return find_spec("timm") is not None


def relatives(tensors: Iterable[str]) -> dict[str, Architecture]:
    """Torchvision's architectures that may have tensors of these names, whatever stands before them.

    What they build has shapes and no values: initialising a dozen networks takes a minute.
    """
    names = [f".{name}" for name in tensors]
    found = [family for mark, family in FAMILIES.items() if any(name.endswith(f".{mark}") for name in names)]
    names = [name for name in torchvision_names() if any(re.match(each, name) for each in found)]
    return {name: _shapes_alone(_torchvision(name)) for name in names}


def as_architecture(name: str, found: Any) -> Architecture:
    """A registry entry, a module, or a function that returns one, as an architecture.

    A function is given the number of outputs if it takes `num_classes` or `classes` or has one parameter that it
    cannot do without; else it is called with nothing, and its module has the outputs that it has.

    Args:
        name: what it is called in messages.
        found: what the user's name stands for.

    Raises:
        WeightsError: none of them, or a function that needs more.
    """
    if isinstance(found, Architecture):
        return found
    if isinstance(found, nn.Module):
        return Architecture(lambda _classes: copy.deepcopy(found), None, "a module of your own")
    if not callable(found):
        kind = type(found).__name__
        raise WeightsError(f"architecture '{name}' is a {kind}, expected a function that returns a torch.nn.Module")
    return Architecture(_counted(name, found), None, "a function of your own")


def _counted(name: str, function: Callable[..., Any]) -> Callable[[int], Any]:
    """The function, called with the number of outputs in the way it takes it."""
    wanted = "expected function(num_classes) or function()"
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise WeightsError(f"architecture '{name}' has no parameters that can be read, {wanted}") from error
    by_name = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    free = any(each.kind == each.VAR_KEYWORD for each in parameters)
    count = next((each for each in COUNTS if each in by_name), None)
    needed = [
        each
        for each in parameters
        if each.default is each.empty
        and each.name != count
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if not needed and (count or free):
        return lambda classes: function(**{count or COUNTS[0]: classes})
    if not needed:
        return lambda _classes: function()
    if len(needed) == 1 and count is None and needed[0].kind != inspect.Parameter.KEYWORD_ONLY:
        return lambda classes: function(classes)
    raise WeightsError(f"architecture '{name}' takes ({', '.join(map(str, parameters))}), {wanted}")


def _torchvision(name: str) -> Architecture:
    unused = TRAINING_ONLY.get(name, ())
    more = {"aux_logits": False, "init_weights": True, "transform_input": False} if unused else {}
    build = partial(models.get_model, name, weights=None, **more)
    return Architecture(lambda classes: build(num_classes=classes), None, "of torchvision", unused)


def _shapes_alone(entry: Architecture) -> Architecture:
    def build(classes: int) -> nn.Module:
        try:
            with torch.device("meta"):
                return entry.build(classes)
        except NotImplementedError:  # RegNet computes its widths with tensors
            return entry.build(classes)

    return replace(entry, build=build)


def _timm() -> Any:
    import timm  # late: it takes seconds, and most names need it not

    return timm


def _unknown(name: str, own: Mapping[str, Architecture]) -> str:
    """Says that nobody knows a name, which one is closest, and which there are."""
    theirs = _timm().list_models() if has_timm() else []
    hint = closest(name.rpartition("/")[2], [*own, *torchvision_names(), *theirs])
    timm = f"{len(theirs)} of timm" if theirs else "those of timm once it is installed (pip install timm)"
    return (
        f"unknown architecture '{name}'{hint}; known: {', '.join(own)}, {len(torchvision_names())} of torchvision, "
        f"{timm}; or give your own with --arch package.module:function"
    )
