"""One contract for maps and for metrics: a function's parameters name what it needs."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any


def asked_for(
    function: Callable[..., Any], known: Mapping[str, str], what: str, error: type[ValueError]
) -> tuple[str, ...]:
    """Names of the inputs that a function asks for, in the order of its parameters.

    A parameter with a default that is no input keeps its default, and so does one that a partial settles.

    Args:
        function: whose parameters are read.
        known: the inputs there are, and what each is.
        what: what the function is to the user, such as method 'mine:f'.
        error: raised where the parameters do not fit.

    Raises:
        error: the function has no readable parameters, asks for nothing, or for something that there is not.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as raised:
        raise error(f"{what} has no parameters that can be read; write it as a Python function") from raised
    settled = function.keywords if isinstance(function, partial) else {}
    asked = []
    for parameter in parameters:
        if parameter.name in settled:
            continue
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise error(f"{what} takes '{parameter}'; its parameters must be named: {', '.join(known)}")
        if parameter.name in known:
            asked.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise error(f"{what} asks for an {unknown('input', parameter.name, known)}")
    if not asked:
        raise error(f"{what} asks for nothing; its parameters must be among: {', '.join(known)}")
    return tuple(asked)


def call(function: Callable[..., Any], names: Iterable[str], inputs: object) -> Any:
    """The function's result on the attributes of `inputs` that it asks for, each computed when first looked at."""
    return function(**{name: getattr(inputs, name) for name in names})


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, which one is closest, and which there are."""
    known = list(known)
    return f"unknown {kind} '{name}'{closest(name, known)}; known: {', '.join(known)}"


def closest(name: str, known: Iterable[str]) -> str:
    """A question that offers the closest name, in brackets after a space; "" where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
