"""From a checkpoint file to a classifier, every assumption checked or noted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from weights import ARCHITECTURES
from weights.architectures import Architecture
from weights.catalogue import check_shipped, find_checkpoint
from weights.classifier import Checkpoint, Classifier, Preprocess
from weights.description import PREPROCESS_KEYS, Description, metadata_description, read_description
from weights.errors import WeightsError, unknown
from weights.files import read_tensors, sha256_of

CLASSES = ("cat", "dog")
SHOWN = 3  # keys named in a message
REMEDY = "give a two-class checkpoint, or the name of its own architecture"


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
    """A classifier from a state dict, a whole-module pickle or a safetensors file.

    Settings come from the arguments, else from the TOML file beside the checkpoint, else from its metadata; an
    architecture that nothing names is recognised by its tensors, other settings are assumed, and `checkpoint.notes`
    says so. No code in the file runs. Whatever type the file stores, the network has `dtype`, channels last.

    Args:
        path: of a .pth or .pt file, or a .safetensors file; or the name of a shipped checkpoint.
        arch: a key of `architectures`.
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
    sha256 = sha256_of(path)
    check_shipped(path, sha256)
    given = {"resize": resize, "crop": crop, "mean": mean, "std": std}
    flags = Description(
        arch=arch,
        classes=None if classes is None else tuple(classes),
        preprocess={k: tuple(v) if isinstance(v, Sequence) else v for k, v in given.items() if v is not None} or None,
    )
    beside = read_description(path)
    _check_hash(beside, sha256, path)
    tensors, metadata = read_tensors(path)
    said = flags.over(beside).over(metadata_description(metadata, path))
    settings = _settle(said, tensors, architectures, path)
    network = _filled(settings.arch, architectures, tensors, path)
    network = _converted(network, path, torch.device(device), dtype)
    checkpoint = Checkpoint(
        name=path.stem,
        path=str(path),
        arch=settings.arch,
        classes=settings.classes,
        sha256=sha256,
        preprocess=settings.preprocess,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        notes=settings.notes,
    )
    return Classifier(network, checkpoint)


def _check_hash(beside: Description, sha256: str, path: Path) -> None:
    if beside.sha256 is not None and beside.sha256.lower() != sha256:
        raise WeightsError(
            f"weights '{path}' has SHA-256 {sha256[:12]}..., its TOML says {beside.sha256[:12]}...: "
            "the file is damaged or another one; copy it again or correct the TOML"
        )


@dataclass(frozen=True)
class _Settings:
    arch: str
    classes: tuple[str, ...]
    preprocess: Preprocess
    notes: tuple[str, ...]


def _settle(
    said: Description, tensors: Mapping[str, Tensor], architectures: Mapping[str, Architecture], path: Path
) -> _Settings:
    """Fills in what nothing said, and notes it."""
    notes = []
    classes = said.classes
    if classes is None:
        classes = CLASSES
        notes.append("class order assumed: cat, dog")
    if sorted(classes) != sorted(CLASSES):
        raise WeightsError(f"classes of '{path}' are {', '.join(classes)}; expected cat and dog, in either order")
    arch = said.arch
    if arch is None:
        arch = _recognised(tensors, architectures, path)
        notes.append(f"architecture recognised by its tensors: {arch}")
    elif arch not in architectures:
        raise WeightsError(f"weights '{path}': {unknown('architecture', arch, architectures)}")
    values: dict[str, Any] = dict(said.preprocess or {})
    try:
        preprocess = Preprocess(**values)
    except WeightsError as error:
        raise WeightsError(f"preprocessing of '{path}': {error}") from error
    assumed = [f"{key} {getattr(preprocess, key)}" for key in PREPROCESS_KEYS if key not in values]
    if assumed:
        notes.append(f"preprocessing assumed: {', '.join(assumed)}")
    return _Settings(arch, classes, preprocess, tuple(notes))


def _recognised(tensors: Mapping[str, Tensor], architectures: Mapping[str, Architecture], path: Path) -> str:
    problems = {name: _problems(_skeleton(entry), tensors) for name, entry in architectures.items()}
    fitting = [name for name in problems if not problems[name]]
    if len(fitting) > 1:
        raise WeightsError(f"weights '{path}' fit several architectures ({', '.join(fitting)}); name one with arch")
    if not fitting:
        closest = min(problems, key=lambda name: len(problems[name]))
        raise WeightsError(
            f"weights '{path}' fit no known architecture ({', '.join(problems)}); closest is {closest}, "
            f"but {_listed(problems[closest])}; {REMEDY}"
        )
    return fitting[0]


def _filled(
    arch: str, architectures: Mapping[str, Architecture], tensors: Mapping[str, Tensor], path: Path
) -> nn.Module:
    """The architecture with these tensors, in the type in which the file stores them."""
    network = _skeleton(architectures[arch])
    problems = _problems(network, tensors)
    if problems:
        raise WeightsError(f"weights '{path}' do not fit {arch}: {_listed(problems)}; {REMEDY}")
    network.load_state_dict(tensors, assign=True)
    return network


def _converted(network: nn.Module, path: Path, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The network on a device, in a type, channels last (about 25 % faster on a CPU)."""
    network = network.to(device, dtype).to(memory_format=torch.channels_last)
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise WeightsError(f"weights '{path}': '{name}' holds NaN or infinity as {dtype}; use another file or type")
    return network


class _Uninitialised(TorchFunctionMode):
    """New layers keep whatever was in memory: initialising AlexNet takes most of a second, only to be overwritten."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **kwargs)


def _skeleton(architecture: Architecture) -> nn.Module:
    with _Uninitialised():
        return architecture.build(len(CLASSES))


def _problems(network: nn.Module, tensors: Mapping[str, Tensor]) -> list[str]:
    """What keeps the tensors from being this network's."""
    expected = network.state_dict()
    missing = [f"{name} is missing" for name in expected if name not in tensors]
    unexpected = [f"{name} is unexpected" for name in tensors if name not in expected]
    pairs = {name: (tensors[name], wanted) for name, wanted in expected.items() if name in tensors}
    shapes = {name: (tuple(found.shape), tuple(wanted.shape)) for name, (found, wanted) in pairs.items()}
    shapes = {name: (found, wanted) for name, (found, wanted) in shapes.items() if found != wanted}
    if not missing and not unexpected and (count := _other_class_count(list(shapes.values()))):
        return [f"it has {count} classes ({', '.join(shapes)}), expected {len(CLASSES)}"]
    kinds = [
        f"{name} is {found.dtype}, expected {wanted.dtype}"
        for name, (found, wanted) in pairs.items()
        if found.is_floating_point() != wanted.is_floating_point()
    ]
    return missing + unexpected + [f"{name} is {a}, expected {b}" for name, (a, b) in shapes.items()] + kinds


def _other_class_count(shapes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> int | None:
    """The count of classes found, if that is all that is wrong with these (found, expected) shapes."""
    firsts = {(found[:1], expected[:1]) for found, expected in shapes}
    only_firsts = all(found[1:] == expected[1:] for found, expected in shapes)
    if not only_firsts or len(firsts) != 1:
        return None
    found, expected = firsts.pop()
    return found[0] if found and expected == (len(CLASSES),) else None


def _listed(problems: Sequence[str]) -> str:
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return ", ".join(problems[:SHOWN]) + more


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
    if arch not in architectures:
        raise WeightsError(unknown("architecture", arch, architectures))
    network = architectures[arch].build(len(CLASSES)).to(device).to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in network.parameters())
    return Classifier(network, Checkpoint("untrained", "", arch, CLASSES, "", Preprocess(), count))
