"""Runs, compares and times class activation maps: the library call `evaluate`, and the command line."""

from typing import Any

__all__ = ["Result", "evaluate"]


def __getattr__(name: str) -> Any:
    """The library, once it is asked for: the command line's --help does without torch."""
    if name in __all__:
        from bench import library

        return getattr(library, name)
    raise AttributeError(f"module 'bench' has no attribute '{name}'")
