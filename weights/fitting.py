"""Which architecture are these tensors, and the network filled with them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.overrides import TorchFunctionMode

from weights.architectures import Architecture
from weights.errors import WeightsError, last_line
from weights.groups import MOST
from weights.zoo import relatives

SHOWN = 3  # keys named in a message
DIGITS = {"float8": "one digit", "bfloat16": "two digits"}  # of decimal, by the type in which weights are stored
REMEDY = "give the name of its own architecture with --arch, or a checkpoint of this one"
FIRST = 2  # outputs that are tried first; the file says how many there are


@dataclass(frozen=True)
class Fit:
    """How tensors fit an architecture.

    Attributes:
        network: whose tensors they may be; its weights do not matter.
        tensors: by the network's names.
        outputs: how many the network was built with; an architecture may have its own number whatever it is told.
        prefix: what all names of the file begin with that the network's do not.
        problems: what keeps them from being this network's; empty where they fit.
        left_out: how many tensors of the file are not needed.
    """

    network: nn.Module
    tensors: Mapping[str, Tensor]
    outputs: int
    prefix: str
    problems: list[str]
    left_out: int = 0

    @property
    def counted(self) -> bool:
        """Whether the architecture took the number of outputs that it was told, as far as shapes show it."""
        return any(tensor.shape[:1] == (self.outputs,) for tensor in _expected(self.network).values())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        stored = sorted({str(t.dtype).removeprefix("torch.") for t in self.tensors.values()})
        coarse = {kind: digits for kind in stored for start, digits in DIGITS.items() if kind.startswith(start)}
        return (
            *((f"'{self.prefix}' left out of all names of tensors",) if self.prefix else ()),
            *((f"{self.left_out} tensors of heads for training alone left out",) if self.left_out else ()),
            *(f"weights stored as {kind}: about {digits} of precision" for kind, digits in coarse.items()),
        )


def recognised(tensors: Mapping[str, Tensor], architectures: Mapping[str, Architecture], path: str) -> str:
    """The one architecture that these tensors fit: of those given, else of torchvision's.

    Raises:
        WeightsError: none, or several.
    """
    fits = {name: best_fit(name, entry, _needed(entry, tensors)) for name, entry in architectures.items()}
    fitting = [name for name, fit in fits.items() if not fit.problems]
    others = {} if fitting else relatives(tensors)
    for name, entry in others.items():
        fits[name] = best_fit(name, entry, _needed(entry, tensors))
        if not fits[name].problems:
            return name
    if len(fitting) > 1:
        raise WeightsError(f"weights '{path}' fit several architectures ({', '.join(fitting)}); name one with arch")
    if not fitting:
        closest = min(fits, key=lambda name: len(fits[name].problems))
        raise WeightsError(
            f"weights '{path}' fit no known architecture ({', '.join(fits)}); closest is {closest}, "
            f"but {_listed(fits[closest].problems)}; {REMEDY}"
        )
    return fitting[0]


def filled(arch: str, entry: Architecture, tensors: Mapping[str, Tensor], path: str) -> Fit:
    """The architecture with these tensors, in the type in which the file stores them.

    Raises:
        WeightsError: they do not fit.
    """
    needed = _needed(entry, tensors)
    fit = replace(best_fit(arch, entry, needed), left_out=len(tensors) - len(needed))
    if fit.problems:
        raise WeightsError(f"weights '{path}' do not fit {arch}: {_listed(fit.problems)}; {REMEDY}")
    try:
        fit.network.load_state_dict(fit.tensors, assign=True)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"weights '{path}' do not fit {arch}: {last_line(error)}") from error
    return fit


def best_fit(arch: str, entry: Architecture, tensors: Mapping[str, Tensor]) -> Fit:
    """The tensors by the architecture's names: as they are, or without what all names begin with, such as `module.`.

    The architecture is built with as many outputs as the file's head has.
    """
    fits = _fits(arch, entry, tensors, FIRST)
    best = min(fits, key=lambda fit: len(fit.problems))
    if best.problems and (outputs := _other_outputs(_shapes(best.network, best.tensors), FIRST)):
        fits += _fits(arch, entry, tensors, outputs)
    return min(fits, key=lambda fit: len(fit.problems))


def _fits(arch: str, entry: Architecture, tensors: Mapping[str, Tensor], outputs: int) -> list[Fit]:
    network = skeleton(arch, entry, outputs)
    fits = []
    for prefix, named in _without_prefixes(tensors):
        fits.append(Fit(network, named, outputs, prefix, _problems(network, named)))
        if not fits[-1].problems:
            break
    return fits


def _needed(entry: Architecture, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors without those that the architecture does not use, whatever stands before their names."""
    return {
        name: tensor for name, tensor in tensors.items() if not any(f".{part}" in f".{name}" for part in entry.unused)
    }


def _without_prefixes(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """The tensors by their names, and without each prefix `a.`, `a.b.` ... that all names share."""
    prefix = ""
    yield prefix, tensors
    while True:
        firsts = {name.removeprefix(prefix).partition(".")[0:2] for name in tensors}
        if len(firsts) != 1 or not next(iter(firsts))[1]:
            return
        prefix += "".join(next(iter(firsts)))
        yield prefix, {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


class _Uninitialised(TorchFunctionMode):
    """New layers keep whatever was in memory: initialising AlexNet takes most of a second, only to be overwritten."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **kwargs)


def skeleton(arch: str, entry: Architecture, outputs: int = FIRST, *, initialised: bool = False) -> nn.Module:
    """The architecture's network; its weights are whatever was in memory unless `initialised`.

    Raises:
        WeightsError: building it raises, or gives no module with parameters.
    """
    try:
        if initialised:
            network = entry.build(outputs)
        else:
            with _Uninitialised():
                network = entry.build(outputs)
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise WeightsError(f"architecture '{arch}' cannot be built: build({outputs}): {last_line(error)}") from error
    if not isinstance(network, nn.Module):
        raise WeightsError(f"architecture '{arch}' builds a {type(network).__name__}, expected a torch.nn.Module")
    parameters = list(network.parameters())
    if any(isinstance(parameter, UninitializedParameter) for parameter in parameters):
        raise WeightsError(f"architecture '{arch}' has lazy layers; give each its input size")
    if not any(parameter.is_floating_point() for parameter in parameters):
        raise WeightsError(f"architecture '{arch}' builds a network without parameters, expected some to fill")
    if not initialised and {name for name, _ in network.named_buffers()} - set(network.state_dict()):
        return skeleton(arch, entry, outputs, initialised=True)  # buffers that no file fills keep their first values
    return network


def _problems(network: nn.Module, tensors: Mapping[str, Tensor]) -> list[str]:
    """What keeps the tensors from being this network's."""
    expected = _expected(network)
    missing = [f"{name} is missing" for name in expected if name not in tensors]
    unexpected = [f"{name} is unexpected" for name in tensors if name not in expected]
    shapes = _shapes(network, tensors)
    kinds = [_kind(name, tensors[name], wanted) for name, wanted in expected.items() if name in tensors]
    return [
        *(kind for kind in kinds if kind),
        *missing,
        *unexpected,
        *(f"{name} is {found}, expected {wanted}" for name, (found, wanted) in shapes.items()),
    ]


def _expected(network: nn.Module) -> dict[str, Tensor]:
    return {name: wanted for name, wanted in network.state_dict().items() if isinstance(wanted, Tensor)}


def _kind(name: str, found: Tensor, wanted: Tensor) -> str | None:
    if found.is_floating_point() == wanted.is_floating_point() and found.is_complex() == wanted.is_complex():
        return None
    integers = wanted.is_floating_point() and not found.is_complex()
    mend = " (weights as whole numbers are quantised: dequantise them, (q - zero_point) * scale)" if integers else ""
    return f"{name} is {found.dtype}, expected {wanted.dtype}{mend}"


def _shapes(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """(found, expected) of the tensors that both have, where they differ."""
    pairs = {name: (tensors[name], wanted) for name, wanted in _expected(network).items() if name in tensors}
    shapes = {name: (tuple(found.shape), tuple(wanted.shape)) for name, (found, wanted) in pairs.items()}
    return {name: (found, wanted) for name, (found, wanted) in shapes.items() if found != wanted}


def _other_outputs(shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]], outputs: int) -> int | None:
    """The number of outputs found, if that is all that is wrong with these (found, expected) shapes."""
    firsts = {(found[:1], expected[:1]) for found, expected in shapes.values()}
    only_firsts = all(found[1:] == expected[1:] for found, expected in shapes.values())
    if not only_firsts or len(firsts) != 1:
        return None
    found, expected = firsts.pop()
    return found[0] if found and expected == (outputs,) and found[0] <= MOST else None


def _listed(problems: Sequence[str]) -> str:
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return ", ".join(problem[:200] for problem in problems[:SHOWN]) + more
