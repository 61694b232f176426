"""From a checkpoint file to a classifier, every assumption checked or noted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from weights.architectures import ARCHITECTURES, Architecture, named
from weights.catalogue import check_shipped, find_checkpoint
from weights.classes import CLASSES, settled
from weights.classifier import Checkpoint, Classifier, Preprocess
from weights.description import PREPROCESS_KEYS, Description, metadata_description, read_description
from weights.errors import WeightsError, last_line, printable, unknown
from weights.files import read_tensors, sha256_of, size_of
from weights.fitting import filled, recognised, skeleton

SMALL = 256 * 2**20  # bytes of a file that any machine can read
LARGER = 16  # times the network in float32: float64, an optimiser's state and averaged weights beside it


def load_classifier(
    path: Path | str,
    *,
    arch: str | None = None,
    classes: Sequence[str] | None = None,
    resize: int | None = None,
    crop: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
) -> Classifier:
    """A classifier from a state dict, a whole-module pickle or a safetensors file, in a container or not.

    Settings come from the arguments, else from the TOML file beside the checkpoint, else from what the file itself
    says (metadata, `class_to_idx`); an architecture that nothing names is recognised by its tensors, other settings
    are assumed, and `checkpoint.notes` says so. Sources that contradict each other about the class order are in
    `checkpoint.warnings`. No code in the file runs. Whatever type the file stores, the network has `dtype`, channels
    last.

    Args:
        path: of a .pth, .pt or .ckpt file, or a .safetensors file; or the name of a shipped checkpoint.
        arch: a name that `named` knows.
        classes: "cat" and "dog" in the order of the logits.
        resize: shorter side after resizing, pixels; this and the next three as in `Preprocess`.
        crop: side of the centre crop, pixels.
        mean: per channel.
        std: per channel.
        device: where the network goes.
        dtype: of its weights and of what it computes; logits are float32 whatever it is.
        architectures: name to entry.

    Raises:
        WeightsError: the file or a setting cannot be used.
    """
    path = find_checkpoint(Path(path))
    shown = printable(path)
    _check_size(path, {name: each for name, each in architectures.items() if arch in (None, name)})
    sha256 = sha256_of(path)
    check_shipped(path, sha256)
    given = {"resize": resize, "crop": crop, "mean": mean, "std": std}
    flags = Description(
        arch=arch,
        classes=None if classes is None else tuple(classes),
        preprocess={k: tuple(v) if isinstance(v, Sequence) else v for k, v in given.items() if v is not None} or None,
    )
    beside = read_description(path)
    _check_hash(beside, sha256, shown)
    content = read_tensors(path)
    inside = metadata_description(content.metadata, path)
    settings = _settle({"the arguments": flags, "the TOML beside it": beside, "the file itself": inside}, shown)
    name = settings.arch or recognised(content.tensors, architectures, shown)
    found = named(name, architectures)
    if found is None:
        raise WeightsError(f"weights '{shown}': {unknown('architecture', name, architectures)}")
    fit = filled(*found, content.tensors, shown)
    network = _converted(fit.network, shown, torch.device(device), dtype)
    assumed = () if settings.arch else (f"architecture recognised by its tensors: {name}",)
    checkpoint = Checkpoint(
        name=printable(path.stem),
        path=shown,
        arch=found[0],
        classes=settings.classes,
        sha256=sha256,
        preprocess=settings.preprocess,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        notes=(*settings.class_notes, *assumed, *settings.notes, *content.notes, *fit.notes),
        warnings=settings.warnings,
    )
    return Classifier(network, checkpoint)


def _check_size(path: Path, architectures: Mapping[str, Architecture]) -> None:
    """Refuses a file that is far larger than any of the networks, before it is read."""
    size = size_of(path)
    if size > SMALL and architectures:
        networks = {name: skeleton(name, entry) for name, entry in architectures.items()}
        largest = max(sum(each.numel() * 4 for each in network.parameters()) for network in networks.values())
        if size > LARGER * largest:
            raise WeightsError(
                f"weights '{printable(path)}' has {size / 1e6:.0f} MB, {', '.join(networks)} at most "
                f"{largest / 1e6:.0f}; save the network's tensors alone, with torch.save(model.state_dict(), FILE)"
            )


def _check_hash(beside: Description, sha256: str, path: str) -> None:
    if beside.sha256 is not None and beside.sha256.lower() != sha256:
        raise WeightsError(
            f"weights '{path}' has SHA-256 {sha256[:12]}..., its TOML says {beside.sha256[:12]}...: "
            "the file is damaged or another one; copy it again or correct the TOML"
        )


@dataclass(frozen=True)
class _Settings:
    arch: str | None
    classes: tuple[str, ...]
    preprocess: Preprocess
    class_notes: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def _settle(sources: Mapping[str, Description], path: str) -> _Settings:
    """What the first source says that says something, and notes on what nobody said; the architecture may be open."""
    said = reduce(lambda first, second: first.over(second), sources.values())
    classes, class_notes, warnings = settled([(who, source.classes) for who, source in sources.items()], path)
    values: dict[str, Any] = dict(said.preprocess or {})
    try:
        preprocess = Preprocess(**values)
    except WeightsError as error:
        raise WeightsError(f"preprocessing of '{path}': {error}") from error
    assumed = [f"{key} {getattr(preprocess, key)}" for key in PREPROCESS_KEYS if key not in values]
    notes = (f"preprocessing assumed: {', '.join(assumed)}",) if assumed else ()
    return _Settings(said.arch, classes, preprocess, tuple(class_notes), notes, tuple(warnings))


def _converted(network: nn.Module, path: str, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The network on a device, in a type, channels last (about 25 % faster on a CPU)."""
    try:
        network = network.to(device, dtype).to(memory_format=torch.channels_last)
    except RuntimeError as error:
        raise WeightsError(f"weights '{path}' cannot be put on {device} as {dtype}: {last_line(error)}") from error
    for name, tensor in network.state_dict().items():
        if isinstance(tensor, Tensor) and not tensor.isfinite().all():
            raise WeightsError(f"weights '{path}': '{name}' holds NaN or infinity as {dtype}; use another file or type")
    return network


def fresh_classifier(
    arch: str,
    *,
    device: torch.device | str = "cpu",
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
) -> Classifier:
    """An untrained classifier, initialised by torch's seed; ImageNet preprocessing.

    Raises:
        WeightsError: unknown architecture.
    """
    found = named(arch, architectures)
    if found is None:
        raise WeightsError(unknown("architecture", arch, architectures))
    network = skeleton(*found, initialised=True)
    network = network.to(device).to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in network.parameters())
    return Classifier(network, Checkpoint("untrained", "", found[0], CLASSES, "", Preprocess(), count))
