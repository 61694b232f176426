"""Errors that the command line prints as one line: what a user can mend (2), a failed gate (1), no comparison (3)."""

from collections.abc import Sequence


class ConfigError(ValueError):
    """An option, a name or an output folder that cannot be used as given."""


class OtherRunError(ConfigError):
    """A run directory of another run, which cannot be gone on with."""


class Verdict(Exception):  # noqa: N818 (neither input nor code is wrong)
    """A verdict that ends a command: one line, and lines that follow it.

    Attributes:
        details: a few lines more.
    """

    def __init__(self, headline: str, details: Sequence[str] = ()) -> None:
        super().__init__(headline)
        self.details = tuple(details)


class GateError(Verdict):
    """A gate that did not hold; exit code 1."""


class NotComparable(Verdict):
    """Runs that cannot be held against each other; exit code 3."""
