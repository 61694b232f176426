"""The order of the classes: who says it, what the names mean, and whether they agree."""

from collections.abc import Mapping
from typing import Any

from weights.errors import WeightsError

CLASSES = ("cat", "dog")
CLASS_KEYS = ("classes", "class_to_idx", "idx_to_class", "class_names")  # as training scripts name it
MEANING = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
REMEDY = "say it with --classes cat,dog or --classes dog,cat, in the order of the network's outputs"


def canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    """Cat, cats, CATS and the like as cat, dogs as dog; other names as they are."""
    return tuple(MEANING.get(name.strip().casefold(), name) for name in names)


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


def settled(said: list[tuple[str, tuple[str, ...] | None]], path: str) -> tuple[tuple[str, ...], list[str], list[str]]:
    """The class order, notes, and warnings about those who say otherwise.

    Args:
        said: who says it, and what; the first that says something decides.
        path: of the checkpoint, for messages.

    Raises:
        WeightsError: classes other than cat and dog.
    """
    orders = [(who, canonical(order)) for who, order in said if order is not None]
    if not orders:
        return CLASSES, ["class order assumed: cat, dog"], []
    who, classes = orders[0]
    if sorted(classes) != sorted(CLASSES):
        names = ", ".join(classes[:5]) + (" ..." if len(classes) > 5 else "")
        remedy = "" if who.startswith("the arguments") else f"; {REMEDY}"
        raise WeightsError(f"classes of '{path}' are {names}; expected cat and dog, in either order{remedy}")
    warnings = [
        f"class order {', '.join(classes)} ({who}) contradicts {', '.join(other)} ({source}); "
        f"if the second is right, every number of this run belongs to the other class: --classes {','.join(other)}"
        for source, other in orders[1:]
        if other != classes
    ]
    return classes, [], warnings
