"""What the commands' argument parsers share: types that say what they expect, and a flag per option of a table."""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from bench.options import as_path
from bench.process.failures import UNUSABLE, one_line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


WIDEST = 100  # columns of a help text
OTHER = "other options"
GROUPS = {  # of the flags that are options of a table; a name that no group has is among the others
    "what is scored": ("dataset", "data_root", "split", "val_split", "limit", "mosaic", "download"),
    "the network": ("weights", "arch", "classes", "groups", "output", "layers", "reshape", "dtype"),
    "how it sees pictures": ("resize", "crop", "interpolation", "mean", "std"),
    "maps, metrics and curves": (
        "methods",
        "maps",
        "controls",
        "smooth",
        "metrics",
        "protocols",
        "substrates",
        "steps",
        "targets",
    ),
    "training": ("epochs", "smoothing", "rate", "trunk_rate", "dropout", "freeze"),
    "the night": ("run", "root", "gates", "timing", "keep"),
    "how it runs": ("device", "batch_size", "workers", "seed"),
    "what it leaves": ("out", "resume", "no_report"),
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; its help is at most 100 columns wide."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{"formatter_class": _formatter} | named)

    def error(self, message: str) -> NoReturn:  # noqa: D102 (of argparse)
        self.exit(UNUSABLE, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = min(WIDEST, shutil.get_terminal_size().columns)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=width)


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
    """A flag per field, in groups by what it is about, with its default."""
    known = {option.name: option for option in fields(kind)}
    grouped = [name for names in GROUPS.values() for name in names]
    groups = GROUPS | {OTHER: tuple(name for name in known if name not in grouped)}
    for title, names in groups.items():
        own = [known[name] for name in names if name in known]
        group = parser.add_argument_group(title) if own else None
        for option in own:
            flag, metavar = f"--{option.name.replace('_', '-')}", option.metadata["metavar"]
            action = {"metavar": metavar} if metavar else {"action": "store_true"}
            group.add_argument(flag, help=_help(option), default=argparse.SUPPRESS, **action)  # type: ignore[union-attr]


def _help(option: "Field[Any]") -> str:
    """What it is, and what it is where nobody says."""
    text, default = str(option.metadata["help"]), option.default
    if default is MISSING:
        return f"{text} (required)"
    if default is None and "auto" in option.metadata["metavar"]:
        default = "auto"
    if default is None or isinstance(default, bool) or "(default" in text:
        return text
    shown = (",".join(map(str, default)) or "none") if isinstance(default, tuple) else str(default)
    return f"{text} (default: {shown})"


class Version(argparse.Action):
    """Prints the version; of a tree that was not installed, that of its pyproject.toml."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:  # noqa: A002 (argparse's)
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Ends the command."""
        print(f"{parser.prog} {version()}")
        parser.exit()


def version() -> str:
    """Of cambench, as it was installed; of a tree that was not, what its pyproject.toml says."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("cambench")
    except PackageNotFoundError:
        import tomllib

        content = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
        return str(content["project"]["version"])


def add_voice(parser: argparse.ArgumentParser) -> None:
    """--quiet and --progress, which are of the call and not of the work: no file holds them."""
    group = _voice(parser)
    group.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")
    text = "tell on stderr every 30 s how far it is, although that is no terminal"
    group.add_argument("--progress", action="store_true", help=text)


def _voice(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """The group of what is said, made once."""
    title = "what is said"
    found = [group for group in parser._action_groups if group.title == title]
    return found[0] if found else parser.add_argument_group(title)


def add_table(parser: argparse.ArgumentParser) -> None:
    """--table: how much of a table a terminal gets."""
    text = "rows of the printed table: headline, the first 12, or all (default: headline)"
    _voice(parser).add_argument("--table", choices=("headline", "all"), default="headline", help=text)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The flags that were given."""
    return {k: v for k, v in vars(options).items() if k not in ("command", "config", "table")}
