"""From a name on the command line to an entry of a registry, or to the user's own function."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from bench.errors import ConfigError

Entry = TypeVar("Entry")


def resolve(kind: str, name: str, registry: Mapping[str, Entry]) -> Entry | object:
    """The registry's entry, or the function, or entry of its own, that `package.module:name` names.

    Modules are also looked for in the current folder.

    Raises:
        ConfigError: neither, or one that cannot be imported; the message gives the closest known name.
    """
    if name in registry:
        return registry[name]
    if ":" not in name:
        raise ConfigError(unknown(kind, name, registry))
    from bench.userfunctions import import_named  # late: it loads torch, and --help asks for names alone

    found = import_named(kind, name)
    attribute = name.partition(":")[2]
    if not callable(found) and not isinstance(found, tuple({type(entry) for entry in registry.values()})):
        raise ConfigError(f"{kind} '{name}': '{attribute}' is a {type(found).__name__}, expected a function")
    return found


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One line that says that a name is unknown, which one is closest, and which there are."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"unknown {kind} '{name}'{hint}; known: {', '.join(known)}"
