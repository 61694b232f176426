"""Tensors from checkpoint files, without ever running code that a file contains."""

import hashlib
import pickle
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import torch
from torch import Tensor, nn
from torchvision.models import AlexNet

from weights.errors import WeightsError

# A whole-module pickle may name these layers; only their tensors are used, no code of the file runs.
ALLOWED_LAYERS = [
    AlexNet, nn.Sequential, nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Dropout, nn.Linear,
    nn.DataParallel,
]  # fmt: skip
# What torch.load raises for damaged files, found by cutting them and flipping their bytes.
DAMAGED = (
    pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError,
    OSError, struct.error,
)  # fmt: skip
CONTAINERS = ("state_dict", "model_state_dict", "model")
RESAVE = "save it again with torch.save(model.state_dict(), FILE)"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        WeightsError: no such file, or unreadable.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise WeightsError(f"weights '{path}' is a folder or a pipe; give a .pth, .pt or .safetensors file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise WeightsError(f"weights '{path}' not found; give the path of a .pth, .pt or .safetensors file") from error
    except OSError as error:
        raise WeightsError(f"weights '{path}' cannot be read: {error.strerror}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, and the metadata of a safetensors file.

    Raises:
        WeightsError: empty, truncated, no checkpoint, or a pickle that would run code.
    """
    if path.stat().st_size == 0:
        raise WeightsError(f"weights '{path}' is an empty file; copy or download it again")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _named_tensors(_read_pickle(path), path), {}


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = dict(file.metadata() or {})
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 (not a dict)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"weights '{path}' is truncated or no safetensors file ({error}); copy it again") from error


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(ALLOWED_LAYERS):
            warnings.simplefilter("ignore")  # about pickle protocols: what cannot be read raises
            return _innermost(torch.load(path, map_location="cpu", weights_only=True))
    except DAMAGED as error:
        raise WeightsError(f"weights '{path}' {_reason(str(error))}") from error


def _reason(message: str) -> str:
    refused = re.search(r"GLOBAL ([\w.]+)", message)
    if refused:
        return f"would run '{refused[1]}' when loaded, which is refused; {RESAVE}"
    if "persistent_load of storage" in message:  # such files carry the source code of their layers
        return f"is a whole model in the format of PyTorch before 1.6, which is refused; {RESAVE}"
    if "TorchScript" in message:
        return f"is a TorchScript program, which is refused; {RESAVE}"
    return "is truncated or no PyTorch checkpoint; copy it again, or give a .pth, .pt or .safetensors file"


def _innermost(content: object) -> object:
    """What a training script put into a container beside the epoch and the like; a module as its tensors by name."""
    if isinstance(content, Mapping):
        inner = (content[key] for key in CONTAINERS if isinstance(content.get(key), Mapping | nn.Module))
        content = next(inner, content)
    return dict(_module_tensors(content)) if isinstance(content, nn.Module) else content


def _named_tensors(named: object, path: Path) -> dict[str, Tensor]:
    """The same, checked, without the prefix of DataParallel."""
    if not isinstance(named, Mapping) or not named or not all(map(_is_named_tensor, named.items())):
        raise WeightsError(f"weights '{path}' holds no dense tensors by name, or not only such; {RESAVE}")
    if all(name.startswith("module.") for name in named):
        named = {name.removeprefix("module."): tensor for name, tensor in named.items()}
    return {name: tensor.detach() for name, tensor in named.items()}


def _is_named_tensor(item: tuple[object, object]) -> bool:
    name, value = item
    if not isinstance(name, str) or not isinstance(value, Tensor):
        return False
    return value.layout == torch.strided and not value.is_meta and not value.is_quantized


def _module_tensors(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by name from the plain attributes, which modules of every torch version have."""
    attributes = vars(module)
    for kind in ("_parameters", "_buffers"):
        yield from ((prefix + name, tensor) for name, tensor in attributes.get(kind, {}).items() if tensor is not None)
    for name, child in attributes.get("_modules", {}).items():
        if child is not None:
            yield from _module_tensors(child, f"{prefix}{name}.")
