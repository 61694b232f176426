"""Errors that the command line prints as one line: what a user can mend (exit code 2), a gate that failed (1)."""


class ConfigError(ValueError):
    """An option, a name or an output folder that cannot be used as given."""


class GateError(Exception):
    """A gate that did not hold; the command line prints the reason as one line and exits with code 1."""
