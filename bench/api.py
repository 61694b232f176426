"""python -m bench.api FILE.md: the public names of every room, from their docstrings."""

import argparse
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from reports.files import write_atomic

WIDTH = 118  # characters of a line
ROOMS = ("bench", "cam", "metrics", "datasets", "weights", "reports")
HEAD = """# Public names

What `from cam import ...` and the other rooms give, made from the docstrings by `make api`. `cambench list` prints
registries.
"""
PREFIX = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z]\w+)")  # of the module a type comes from
SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):$", re.MULTILINE)


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for room in ROOMS for line in _room(room))]) + "\n"


def _room(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    yield f"## {name}\n\n{inspect.getdoc(module)}\n"
    for public in sorted(module.__all__, key=str.casefold):
        found = getattr(module, public)
        if inspect.isclass(found) or inspect.isfunction(found):
            yield f"### {name}.{public}\n\n```python\n{_signature(public, found)}\n```\n\n{_text(found)}\n"
            if inspect.isclass(found) and (members := list(_members(found))):
                yield "\n".join(["**Members**", "", *members, ""])
        else:
            yield f"### {name}.{public}\n\nA {type(found).__name__}.\n"


def _signature(name: str, found: Any) -> str:
    """As it is called; arguments on lines of their own where one line would be too long."""
    try:
        signature = inspect.signature(found)
    except ValueError:
        return name
    line = _shown(f"{name}{signature}")
    if len(line) <= 110:
        return line
    parts: list[str] = []
    for each in signature.parameters.values():
        parts += ["*"] if each.kind is each.KEYWORD_ONLY and "*" not in parts else []
        parts.append(_shown(str(each)))
    returned = line.rpartition(") -> ")[2] if ") -> " in line else "None"
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f") -> {returned}"])


def _shown(text: str) -> str:
    """Code without the modules that types come from, and without addresses."""
    return PREFIX.sub("", re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", text)).replace("'", '"')


def _members(found: type) -> Iterator[str]:
    """Public methods and properties that a class defines itself, a line each."""
    for name, member in vars(found).items():
        text = (inspect.getdoc(member) or "").partition("\n")[0]
        if name.startswith("_") or not text or not (callable(member) or isinstance(member, property | cached_property)):
            continue
        yield _item(f"`{_signature(name, member) if inspect.isfunction(member) else name}`: {text}")


def _text(found: Any) -> str:
    """The docstring; the entries of its sections become lists."""
    lines = (inspect.getdoc(found) or "").splitlines()
    text, inside = [], False
    for line in lines:
        if SECTION.match(line):
            text += [f"**{line[:-1]}**", ""]
            inside = True
        elif inside and re.match(r"    \S", line):
            text.append(f"- {line.strip()}")
        elif inside and line.startswith("     "):
            text[-1] += f" {line.strip()}"
        else:
            inside = inside and not line
            text.append(line)
    return "\n".join(_item(line[2:]) if line.startswith("- ") else line for line in text)


def _item(text: str) -> str:
    """An entry of a list, on as many lines as it needs."""
    return textwrap.fill(
        text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE.md")
    write_atomic(parser.parse_args().file, reference().encode())
