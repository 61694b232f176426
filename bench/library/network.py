"""A caller's network as a classifier of the images, tried, and given back."""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from bench.environment import select_device
from bench.errors import ConfigError
from weights import Classifier, Preprocess, borrowed, tried


def device_of(model: nn.Module, device: str | torch.device | None) -> torch.device:
    """Where to compute: as said, else where the model is.

    Raises:
        ConfigError: no such device here.
    """
    if device is not None:
        return select_device(str(device))
    tensor = next((each for each in (*model.parameters(), *model.buffers())), None)
    return torch.device("cpu") if tensor is None else tensor.device


@contextmanager
def as_classifier(
    model: nn.Module,
    size: tuple[int, int],
    classes: Sequence[str] | None,
    groups: Mapping[str, object] | None,
    output: str | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> Iterator[Classifier]:
    """The model as a classifier of images of that size, once it was seen to give logits for them.

    What a `Classifier` says of itself holds where nothing else is said.

    Raises:
        ConfigError, WeightsError: classes, groups, mean or std that cannot be, or a network that gives no logits.
    """
    if isinstance(classes, str):
        raise ConfigError(f"classes are the text '{classes[:60]}', expected a list of names, such as ('cat', 'dog')")
    network, known, notes = model, Preprocess(), list[str]()
    if isinstance(model, Classifier):
        network, known = model.network, model.checkpoint.preprocess
        if classes is None and groups is None:
            own = model.checkpoint
            classes = None if own.groups else own.classes
            groups = dict(zip(own.classes, map(list, own.groups), strict=True)) if own.groups else None
        output = model.checkpoint.output if output is None else output
    elif mean is None or std is None:
        notes.append("normalisation assumed: mean and std of ImageNet where none is given")
    preprocess = dataclasses.replace(
        known, resize=max(size), crop=size, mean=_numbers("mean", mean, known.mean), std=_numbers("std", std, known.std)
    )
    name = type(network).__name__
    with borrowed(network, classes=classes, groups=groups, output=output, preprocess=preprocess, name=name) as lent:
        lent.checkpoint = dataclasses.replace(
            lent.checkpoint, path="", sha256=state_hash(network), notes=(*lent.checkpoint.notes, *notes)
        )
        yield tried(lent)


def state_hash(network: nn.Module) -> str:
    """SHA-256 of names, types and values of the network's weights and statistics."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            digest.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _numbers(name: str, given: Sequence[float] | None, known: tuple[float, ...]) -> tuple[float, ...]:
    if given is None:
        return known
    try:
        return tuple(map(float, given))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is {str(given)[:60]}, expected three numbers, one per channel") from error
