"""What the commands' argument parsers share: types that say what they expect, and a flag per option of a table."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from bench.options import as_path
from bench.process.failures import UNUSABLE, one_line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:  # noqa: D102 (of argparse)
        self.exit(UNUSABLE, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def checked(parse: Callable[[Any], Any]) -> Callable[[str], Any]:
    """An argument type of argparse from a parser of options."""

    def parse_argument(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"is '{text}', {error}") from error

    return parse_argument


VOICE = ("quiet", "progress")
PATH = checked(as_path)


def add_options(parser: argparse.ArgumentParser, kind: "type[DataclassInstance]") -> None:
    """A flag per field, and --config for the same by name in a file."""
    parser.add_argument("--config", type=PATH, metavar="FILE.toml", help="options by name; flags override them")
    add_flags(parser, kind)


def add_flags(parser: argparse.ArgumentParser, kind: "type[DataclassInstance]") -> None:
    """A flag per field."""
    for option in fields(kind):
        flag, metavar = f"--{option.name.replace('_', '-')}", option.metadata["metavar"]
        action = {"metavar": metavar} if metavar else {"action": "store_true"}
        parser.add_argument(flag, help=option.metadata["help"], default=argparse.SUPPRESS, **action)


def add_voice(parser: argparse.ArgumentParser) -> None:
    """--quiet and --progress, which are of the call and not of the work: no file holds them."""
    group = parser.add_argument_group("what is said")
    group.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")
    text = "tell on stderr every 30 s how far it is, although that is no terminal"
    group.add_argument("--progress", action="store_true", help=text)


def add_table(parser: argparse.ArgumentParser) -> None:
    """--table: how much of a table a terminal gets."""
    text = "rows of the printed table: headline (at most 12) or all (default: headline)"
    parser.add_argument("--table", choices=("headline", "all"), default="headline", help=text)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The flags that were given."""
    return {k: v for k, v in vars(options).items() if k not in ("command", "config")}
