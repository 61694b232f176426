"""Names of the classes in the order of the outputs: what files say, and what the names mean."""

from collections.abc import Mapping
from typing import Any

from weights.errors import WeightsError

CLASSES = ("cat", "dog")  # of whoever says nothing else
CLASS_KEYS = ("classes", "class_to_idx", "idx_to_class", "class_names")  # as training scripts name it
MEANING = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
LONGEST = 200  # letters of a name


def canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    """Cat, cats, CATS and the like as cat, dogs as dog; other names as they are."""
    return tuple(MEANING.get(name.strip().casefold(), name) for name in names)


def named_class(name: object, where: str) -> str:
    """The name of a class, if it can be one: "+" stands between the names of an image's classes.

    Raises:
        WeightsError: no text, empty, too long, with a plus sign or a control character.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST or not name.isprintable() or "+" in name:
        shown = ascii(name)[:50]
        raise WeightsError(f"class name {shown} in {where}: expected a short text without '+'; rename it")
    return name.strip()


def order_of(key: str, value: object, where: str) -> tuple[str, ...] | None:
    """Class names in the order of the outputs, from what a file says under one of `CLASS_KEYS`.

    None where the names are mere numbers, which say nothing.

    Raises:
        WeightsError: neither names in order nor a name per output.
    """
    names = _by_index(value) if isinstance(value, Mapping) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"{key} in '{where}' is {_short(value)}, expected a list of names or a number for each name")
    if all(name.strip().isdigit() for name in names):
        return None
    return canonical(tuple(names))


def _by_index(table: Mapping[Any, Any]) -> list[Any] | None:
    """The names of a table from names to 0 ... K-1, or from 0 ... K-1 (also as text, as in JSON) to names."""
    forward = {_index(value): name for name, value in table.items()}
    backward = {_index(key): name for key, name in table.items()}
    wanted = set(range(len(table)))
    named = {value for value in table.values() if isinstance(value, str)}
    for found in (backward, forward) if named else (forward, backward):
        if set(found) == wanted:
            return [found[index] for index in range(len(table))]
    return None


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _short(value: object) -> str:
    text = ascii(value) if isinstance(value, str | int | float | None) else type(value).__name__
    if isinstance(value, list | dict) and len(value) <= 8:
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        text = ", ".join(f"{str(k)[:20]}: {str(v)[:20]}" for k, v in parts if not isinstance(v, list | dict | tuple))
    return text[:120] or "empty"
