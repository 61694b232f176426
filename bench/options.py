"""How options are read: parsers that raise ValueError with what they expected, and the field that is a flag."""

import math
import re
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any

MOST = 10**9  # images, or what else is counted without a limit of its own
WHOLE, DECIMAL = re.compile(r"\s*[+-]?[0-9]{1,18}\s*"), re.compile(r"\s*[+-]?[0-9.]{1,40}([eE][+-]?[0-9]{1,3})?\s*")
MOST_CELLS = 64  # of a Gaussian
PIXELS, STEPS, BATCH, WORKERS, SEEDS = 4096, 65_536, 65_536, 512, 2**32 - 1  # the most of each


def as_text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("expected a text")
    return value


def as_path(value: Any) -> Path:
    """A path; ~ is the home folder."""
    path = Path(as_text(value))
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"expected a path, and nobody here is called {path.parts[0]}") from error


def as_integer(low: int, high: int = MOST) -> Callable[[Any], int]:
    """A whole number from `low` to `high`."""

    def parse(value: Any) -> int:
        digits = WHOLE.fullmatch(value) if isinstance(value, str) else None
        number = int(digits[0]) if digits else value
        if isinstance(number, bool) or not isinstance(number, int) or number < low:
            raise ValueError(f"expected a whole number of at least {low}")
        if number > high:
            raise ValueError(f"expected a whole number of at most {high}")
        return number

    return parse


def or_auto(parse: Callable[[Any], int]) -> Callable[[Any], int | None]:
    """What `parse` takes, or auto for None."""

    def parse_or_auto(value: Any) -> int | None:
        try:
            return None if value == "auto" else parse(value)
        except ValueError as error:
            raise ValueError(f"{error}, or auto") from error

    return parse_or_auto


def as_names(value: Any) -> tuple[str, ...]:
    """Names, each once."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError("expected names separated by commas")
    names = tuple(part.strip() for part in parts)
    if len(set(names)) < len(names):
        raise ValueError("expected each name once")
    return names


def none_or(parse: Callable[[Any], tuple[str, ...]]) -> Callable[[Any], tuple[str, ...]]:
    """What `parse` takes, or none for nothing."""
    return lambda value: () if value in ("none", []) else parse(value)


def as_sigmas(value: Any) -> tuple[float, ...]:
    """Standard deviations in cells, above 0 and at most 64, each once and from small to large; none alone is none."""
    if value in ("none", []):
        return ()
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    try:
        sigmas = [as_number(part) for part in parts]
    except ValueError as error:
        raise ValueError("expected numbers separated by commas, such as 0.5,1,2, or none") from error
    if any(not 0 < sigma <= MOST_CELLS for sigma in sigmas) or sigmas != sorted(set(sigmas)):
        raise ValueError(f"expected numbers above 0 and at most {MOST_CELLS}, each once, from small to large")
    return tuple(sigmas)


def as_side_or_sides(high: int) -> Callable[[Any], int | tuple[int, int]]:
    """One side, or height and width such as 224x288, each from 1 to `high`."""
    parse = as_integer(1, high)

    def parse_sides(value: Any) -> int | tuple[int, int]:
        parts = value.replace("\u00d7", "x").split("x") if isinstance(value, str) else value
        try:
            if not isinstance(parts, list):
                return parse(parts)
            if len(parts) > 2 or not parts:
                raise ValueError(f"expected a whole number from 1 to {high}")
            sides = [parse(part) for part in parts]
        except ValueError as error:
            raise ValueError(f"{error}, or height x width such as 224x288") from error
        return sides[0] if len({*sides}) == 1 else (sides[0], sides[1])

    return parse_sides


def as_groups(value: Any) -> dict[str, Any]:
    """Names with the numbers of their outputs: a table, or a text as of `--groups`; the numbers are not judged."""
    if isinstance(value, str):
        groups: dict[str, Any] = {}
        for part in value.split(","):
            name, equals, members = part.partition("=")
            if equals and name.strip() in groups:
                raise ValueError(f"expected each name once, and {name.strip()} is twice")
            if not equals and not groups:
                break
            if equals:
                groups[name.strip()] = members
            else:  # a further number of the last name
                last = next(reversed(groups))
                groups[last] = f"{groups[last]},{part}"
        value = groups
    if not isinstance(value, dict) or len(value) < 2:
        raise ValueError("expected names with the numbers of outputs, such as cat=281-285,dog=151-268")
    return value


def as_number(value: Any, high: float = math.inf) -> float:
    """A number above 0, at most `high`."""
    number = _float(value)
    if not 0 < number < math.inf:
        raise ValueError("expected a number above 0")
    if number > high:
        raise ValueError(f"expected a number of at most {high:g}")
    return number


def as_share(value: Any) -> float:
    """A number from 0 up to, not including, 1."""
    number = _float(value)
    if not 0 <= number < 1:
        raise ValueError("expected a number from 0, below 1")
    return number


def as_numbers(low: float, high: float) -> Callable[[Any], tuple[float, ...]]:
    """Numbers separated by commas, each from `low` to `high`."""

    def parse(value: Any) -> tuple[float, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        numbers = tuple(_float(part) for part in parts) if isinstance(parts, list) else ()
        if not numbers or any(math.isnan(number) for number in numbers):
            raise ValueError("expected numbers separated by commas")
        if not all(low <= number <= high for number in numbers):
            raise ValueError(f"expected numbers from {low:g} to {high:g}")
        return numbers

    return parse


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of the choices."""

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return str(value)

    return parse


def as_flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def option(parse: Callable[[Any], Any], text: str, metavar: str = "", **default: Any) -> Any:
    """A field that is a flag and a TOML key; `parse` raises ValueError with what was expected."""
    return field(metadata={"parse": parse, "help": text, "metavar": metavar}, **default)


def _float(value: Any) -> float:
    """NaN for what is no number."""
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        return math.nan
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
