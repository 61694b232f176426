"""A user's own functions, named `package.module:name`: imported, called, and what they return checked, in one place.

Whatever goes wrong in one is a `UserFunctionError`: one line with the function's own last line. Only an interruption
passes through. What such a function is given are copies, so that it cannot change what others are given.
"""

import dataclasses
import functools
import importlib
import inspect
import keyword
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import ConfigError
from cam.contract import closest
from metrics.perturbation import Curve

LONGEST = 300  # characters of somebody else's message in one line
ROOMS = ("bench", "cam", "datasets", "metrics", "reports", "weights")  # where no user's function is
NUMBERS = "biuf"  # kinds of NumPy arrays that are numbers: bool, signed, unsigned, float


class UserFunctionError(ConfigError):
    """A user's function that cannot be imported, fails, or returns what cannot be used."""


def import_named(kind: str, name: str) -> Any:
    """The object that `package.module:name` names; modules are also looked for in the current folder.

    Raises:
        UserFunctionError: the name is none, the module is not there or fails, or it has no such attribute.
    """
    module_name, _, attribute = name.partition(":")
    if not all(map(_is_identifier, [*module_name.split("."), attribute])):
        raise UserFunctionError(f"{kind} '{name}' cannot be a function's name; expected package.module:function")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    module = _imported(kind, name, module_name)
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        hint = closest(attribute, dir(module))
        raise UserFunctionError(f"{kind} '{name}': module '{module_name}' has no '{attribute}'{hint}") from error


def called(what: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What the function returns; whatever it raises is a `UserFunctionError`, an interruption and ours pass."""
    try:
        return function(*arguments, **named)
    except (KeyboardInterrupt, UserFunctionError):
        raise
    except BaseException as error:  # SystemExit too: a user's function does not end the run as if all were well
        raise UserFunctionError(f"{what} raised {_said(error)}{_where(error)}") from error


def check_parameters(what: str, function: Callable[..., Any], expected: tuple[str, ...]) -> None:
    """Raise unless the function can be called with these positional arguments; it is not called."""
    wanted = f"expected {len(expected)} parameters: {', '.join(expected)}"
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UserFunctionError(f"{what} does not say which parameters it takes, {wanted}; wrap it in one") from error
    try:
        signature.bind(*expected)
    except TypeError as error:
        raise UserFunctionError(f"{what} takes {_clipped(str(signature))}, {wanted}") from error


def as_tensor(what: str, value: Any, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """What a user's function returned, as a tensor of its own of that dtype.

    Tensors of real numbers (bool, integers and floats of any width, with or without a graph) and plain NumPy arrays of
    them are taken; a number too large for the dtype becomes infinite, which is undefined.

    Raises:
        UserFunctionError: another type, shape, or device, or complex numbers.
    """
    wanted = f"expected a tensor {shape}"
    if type(value) is np.ndarray and value.dtype.kind in NUMBERS:
        value = torch.from_numpy(value.astype(np.float64)).to(device)
    if not isinstance(value, Tensor):
        raise UserFunctionError(f"{what} returned {_kind_of(value)}, {wanted}")
    if value.layout != torch.strided or value.is_quantized or value.is_complex():
        kind = "complex numbers" if value.is_complex() else f"a {value.layout} tensor of {value.dtype}"
        raise UserFunctionError(f"{what} returned {kind}, {wanted} of real numbers")
    if tuple(value.shape) != shape:
        raise UserFunctionError(f"{what} returned {tuple(value.shape)}, expected {shape}")
    if value.device != device:
        raise UserFunctionError(f"{what} returned a tensor on {value.device}, expected one on {device}")
    converted: Tensor = called(what, lambda: value.detach().to(dtype, copy=True))
    return converted


def guarded_map(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A map function, called by name with copies under the guard; its signature stays."""

    @functools.wraps(function)  # the parameters name the inputs
    def call(**inputs: Any) -> Any:
        return called(what, function, **{name: copied(value) for name, value in inputs.items()})

    return call


def as_map(what: str) -> Callable[[object, tuple[int, ...], torch.device], Tensor]:
    """What makes maps of a shape of what a user's function returned."""
    return lambda found, shape, device: as_tensor(what, found, shape, device, torch.float32)


def guarded_values(what: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    """A metric's function, called by name with copies under the guard; its signature stays."""

    @functools.wraps(function)  # the parameters name the inputs
    def call(**inputs: Any) -> Tensor:
        values = [value.probability if isinstance(value, Curve) else value for value in inputs.values()]
        first = next(value for value in values if isinstance(value, Tensor))
        found = called(what, function, **{name: copied(value) for name, value in inputs.items()})
        return as_tensor(what, found, (len(first),), first.device, torch.float64)

    return call


def guarded_result(what: str, function: Callable[..., Any], kind: type, passing: type[Exception]) -> Callable[..., Any]:
    """A function under the guard that is to return a `kind`; errors of the type `passing` pass as they are."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        passed: list[Exception] = []

        def inner() -> Any:
            try:
                return function(*arguments)
            except passing as error:
                passed.append(error)
                return None

        found = called(what, inner)
        if passed:
            raise passed[0]
        if not isinstance(found, kind):
            raise UserFunctionError(f"{what} returned {_kind_of(found)}, expected a {kind.__module__}.{kind.__name__}")
        return found

    return call


def copied(value: Any) -> Any:
    """A copy of a tensor, or of a tuple or dataclass with tensors in it; everything else as it is."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: copied(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
        return dataclasses.replace(value, **fields)
    return value


def _imported(kind: str, name: str, module_name: str) -> ModuleType:
    def load() -> ModuleType | ModuleNotFoundError:
        try:
            return importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name and f"{module_name}.".startswith(f"{error.name}."):
                return error  # the module itself; one that it asks for in vain is its own failure
            raise

    module = called(f"{kind} '{name}': importing '{module_name}'", load)
    if isinstance(module, ModuleNotFoundError):
        raise UserFunctionError(
            f"{kind} '{name}': cannot import '{module_name}' ({module}); give a module that is installed, or lies in "
            "the current folder"
        ) from module
    return module


def _is_identifier(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def _kind_of(value: Any) -> str:
    if value is None:
        return "None"
    module = type(value).__module__
    return f"a {'' if module == 'builtins' else f'{module}.'}{type(value).__qualname__}"


def _said(error: BaseException) -> str:
    """Type and message in one line."""
    if isinstance(error, SyntaxError):
        return _clipped(f"{type(error).__name__}: {error.msg}")
    return _clipped(traceback.format_exception_only(type(error), error)[0].removesuffix("\n"))


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _where(error: BaseException) -> str:
    """File and line: the innermost one of the user's, else the first below the guard."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen ")]
    frames = [frame for frame in frames if Path(frame.filename) != Path(__file__)]
    others = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
    rooms = tuple(f"{Path(__file__).resolve().parents[1] / room}{os.sep}" for room in ROOMS)
    own = [frame for frame in frames if not frame.filename.startswith((*others, *rooms, "<"))]
    chosen = own[-1:] or frames[:1]
    return f" ({Path(chosen[0].filename).name}, line {chosen[0].lineno})" if chosen else ""
