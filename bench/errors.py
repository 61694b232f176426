"""Errors that the command line prints as one line: what a user can mend (2), a failed gate (1), no comparison (3)."""


class ConfigError(ValueError):
    """An option, a name or an output folder that cannot be used as given."""


class OtherRunError(ConfigError):
    """A run directory of another run, which cannot be gone on with."""


class GateError(Exception):
    """A gate that did not hold; the command line prints the reason as one line and exits with code 1."""


class NotComparable(Exception):  # noqa: N818 (a verdict, like passed and failed)
    """A night that cannot be held against the ones before; the command line prints the reason and exits with code 3."""
