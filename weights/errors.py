"""The error of this package."""


class WeightsError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what was expected and what to do."""
