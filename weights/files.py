"""Tensors from checkpoint files, without ever running code that a file contains."""

import hashlib
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import AlexNet

from weights.errors import WeightsError

# A whole-module pickle may name these layers; only their tensors are used, none of their code runs.
ALLOWED_LAYERS = [
    AlexNet, nn.Sequential, nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Dropout, nn.Linear,
]  # fmt: skip
CONTAINERS = ("state_dict", "model_state_dict", "model")
RESAVE = "save it again with torch.save(model.state_dict(), FILE)"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        WeightsError: no such file, or unreadable.
    """
    if path.is_dir():
        raise WeightsError(f"weights '{path}' is a folder, expected a .pth, .pt or .safetensors file")
    try:
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
        tensors, metadata = _read_safetensors(path)
    else:
        tensors, metadata = _named_tensors(_read_pickle(path), path), {}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(f"weights '{path}': '{name}' holds NaN or infinity; use an undamaged checkpoint")
    return tensors, metadata


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
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused:
            raise WeightsError(
                f"weights '{path}' would run '{refused[1]}' from the file, which is refused; {RESAVE}"
            ) from error
        raise WeightsError(
            f"weights '{path}' is truncated, no PyTorch checkpoint, or a whole model in the format before 1.6; {RESAVE}"
        ) from error
    except (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, OSError) as error:
        reason = str(error).split(".")[0].split("\n")[0] or type(error).__name__
        raise WeightsError(
            f"weights '{path}' is truncated or no PyTorch checkpoint ({reason}); copy it again"
        ) from error


def _named_tensors(content: object, path: Path) -> dict[str, Tensor]:
    """Tensors of a state dict, a container of one, or a whole module; without the prefix of DataParallel."""
    if isinstance(content, Mapping):
        inner = next((content[key] for key in CONTAINERS if isinstance(content.get(key), Mapping | nn.Module)), content)
    else:
        inner = content
    named = dict(_module_tensors(inner)) if isinstance(inner, nn.Module) else inner
    if not isinstance(named, Mapping) or not named or not all(isinstance(v, Tensor) for v in named.values()):
        kind = type(content).__name__
        raise WeightsError(f"weights '{path}' holds a {kind} without tensors by name; {RESAVE}")
    if all(name.startswith("module.") for name in named):
        named = {name.removeprefix("module."): tensor for name, tensor in named.items()}
    return {name: tensor.detach() for name, tensor in named.items()}


def _module_tensors(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by name from the plain attributes, which modules of every torch version have."""
    attributes = vars(module)
    for kind in ("_parameters", "_buffers"):
        yield from ((prefix + name, tensor) for name, tensor in attributes.get(kind, {}).items() if tensor is not None)
    for name, child in attributes.get("_modules", {}).items():
        yield from _module_tensors(child, f"{prefix}{name}.")
