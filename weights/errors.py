"""The error of this package."""

import difflib
from collections.abc import Iterable


class WeightsError(ValueError):
    """A checkpoint that cannot be used; one line that names the value, what was expected and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("\\n".join(message.splitlines()))  # a path or a key may hold line breaks


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, which one is closest, and which there are."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"unknown {kind} '{name}'{hint}; known: {', '.join(known)}"
