"""From a checkpoint file to a classifier, every assumption checked or noted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from weights.architectures import ARCHITECTURES, Architecture
from weights.catalogue import check_shipped, find_checkpoint
from weights.classes import CLASSES
from weights.classifier import Checkpoint, Classifier
from weights.description import Description, metadata_description, read_description
from weights.errors import WeightsError, last_line, printable
from weights.files import read_tensors, sha256_of, size_of
from weights.fitting import filled, recognised, skeleton
from weights.groups import as_groups
from weights.heads import Said, meaning_of
from weights.preprocess import Preprocess
from weights.trial import outputs_of
from weights.zoo import named_or_found

ARGUMENTS = "the arguments"
SMALL = 256 * 2**20  # bytes of a file that any machine can read
ASSUMED = ("resize", "crop", "mean", "std")  # what a note names where nobody says it; bilinear needs no word
LARGER = 16  # times the network in float32: float64, an optimiser's state and averaged weights beside it


def load_classifier(
    path: Path | str,
    *,
    arch: str | None = None,
    classes: Sequence[str] | None = None,
    groups: Mapping[str, object] | None = None,
    output: str | None = None,
    resize: int | None = None,
    crop: int | str | tuple[int, int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    interpolation: str | None = None,
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
        arch: a name of ours, an alias of one, or a name of torchvision's or timm's.
        classes: names in the order of the network's outputs; cat and dog where nothing says otherwise.
        groups: outputs that are read as one class each, such as {"cat": "281-285", "dog": "151-268"}; their names are
            the classes then. A group's logit is the logsumexp of its members'.
        output: name or index of the part of what the network returns that holds its outputs, where it returns several.
        resize: shorter side after resizing, pixels; this and the next four as in `Preprocess`.
        crop: side of the centre crop, pixels, or its height and width.
        mean: per channel.
        std: per channel.
        interpolation: of resizing.
        device: where the network goes.
        dtype: of its weights and of what it computes; logits are float32 whatever it is.
        architectures: name to entry, beside torchvision's and timm's.

    Raises:
        WeightsError: the file or a setting cannot be used.
    """
    path = find_checkpoint(Path(path))
    shown = printable(path)
    _check_size(path, {name: each for name, each in architectures.items() if arch in (None, name)})
    sha256 = sha256_of(path)
    check_shipped(path, sha256)
    given = {"resize": resize, "crop": crop, "mean": mean, "std": std, "interpolation": interpolation}
    flags = Description(
        arch=arch,
        classes=None if classes is None else tuple(classes),
        groups=None if groups is None else as_groups(groups, ARGUMENTS),
        output=output,
        preprocess={k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if v is not None} or None,
    )
    beside = read_description(path)
    _check_hash(beside, sha256, shown)
    content = read_tensors(path)
    inside = metadata_description(content.metadata, path)
    sources = {ARGUMENTS: flags, "the TOML beside it": beside, "the file itself": inside}
    settings = _settle(sources, shown)
    name = settings.arch or recognised(content.tensors, architectures, shown)
    try:
        name, entry = named_or_found(name, architectures)
    except WeightsError as error:
        raise WeightsError(f"weights '{shown}': {error}") from error
    fit = filled(name, entry, content.tensors, shown)
    network = _converted(fit.network, shown, torch.device(device), dtype)
    assumed = () if settings.arch else (f"architecture recognised by its tensors: {name}",)
    checkpoint = Checkpoint(
        name=printable(path.stem),
        path=shown,
        arch=name,
        classes=CLASSES,
        sha256=sha256,
        preprocess=settings.preprocess,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        output=settings.output,
        notes=(*assumed, *settings.notes, *content.notes, *fit.notes),
    )
    said = [(who, source.classes, source.groups) for who, source in sources.items()]
    return with_meaning(network, checkpoint, said, fit.outputs if fit.counted else None)


def with_meaning(network: nn.Module, checkpoint: Checkpoint, said: Sequence[Said], outputs: int | None) -> Classifier:
    """The classifier, once it is settled what the network's outputs mean.

    Args:
        network: filled.
        checkpoint: all else that is known.
        said: who says what of the outputs.
        outputs: how many there are; None: counted in a pass of plain images.

    Raises:
        WeightsError: they cannot mean that.
    """
    meaning = meaning_of(said, outputs or outputs_of(network, checkpoint), checkpoint.path)
    grey = ("grey of RGB is 0.299 R + 0.587 G + 0.114 B",) if len(checkpoint.preprocess.mean) == 1 else ()
    checkpoint = replace(
        checkpoint,
        classes=meaning.classes,
        groups=meaning.groups,
        notes=(*meaning.notes, *checkpoint.notes, *grey),
        warnings=meaning.warnings,
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
    output: str | None
    preprocess: Preprocess
    notes: tuple[str, ...]


def _settle(sources: Mapping[str, Description], path: str) -> _Settings:
    """What the first source says that says something, and notes on what nobody said; the architecture may be open."""
    said = reduce(lambda first, second: first.over(second), sources.values())
    values: dict[str, Any] = dict(said.preprocess or {})
    try:
        preprocess = Preprocess(**values)
    except WeightsError as error:
        raise WeightsError(f"preprocessing of '{path}': {error}") from error
    assumed = [f"{key} {getattr(preprocess, key)}" for key in ASSUMED if key not in values]
    notes = (f"preprocessing assumed: {', '.join(assumed)}",) if assumed else ()
    return _Settings(said.arch, said.output, preprocess, notes)


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
    classes: Sequence[str] = CLASSES,
    device: torch.device | str = "cpu",
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
) -> Classifier:
    """An untrained classifier of these classes, initialised by torch's seed; ImageNet preprocessing.

    Raises:
        WeightsError: unknown architecture, or fewer than two different names.
    """
    arch, entry = named_or_found(arch, architectures)
    meaning = meaning_of([(ARGUMENTS, tuple(classes), None)], len(classes), "untrained")
    network = skeleton(arch, entry, len(classes), initialised=True)
    network = network.to(device).to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in network.parameters())
    return Classifier(network, Checkpoint("untrained", "", arch, meaning.classes, "", Preprocess(), count))
