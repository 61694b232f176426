"""Errors a user can mend; the command line prints them as one line and exits with code 2."""


class ConfigError(ValueError):
    """An option, a name or an output folder that cannot be used as given."""
