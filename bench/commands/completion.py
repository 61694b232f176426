"""`cambench completion`: a script that completes commands and options in a shell."""

import argparse
from collections.abc import Iterator

from bench.commands.arguments import PATH, Commands
from bench.errors import ConfigError

SHELLS = ("bash", "zsh", "tcsh")
HOW = """Put it where the shell looks for such scripts, once:
  bash  cambench completion bash > ~/.local/share/bash-completion/completions/cambench
  zsh   cambench completion zsh > ~/.zfunc/_cambench     (with fpath+=~/.zfunc before compinit in ~/.zshrc)"""


def add(group: Commands) -> None:
    """Its arguments; `whole`, the parser of all commands, comes from the caller."""
    text = "print a script that completes commands and options in a shell"
    parser = group.add_parser("completion", help=text, description=text, epilog=HOW)
    parser.add_argument("shell", choices=SHELLS, help=f"{', '.join(SHELLS[:-1])} or {SHELLS[-1]}")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints the script.

    Raises:
        ConfigError: the package that writes it is not installed.
    """
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise ConfigError("completion needs the package shtab; pip install 'cambench[completion]'") from error
    for action in _actions(options.whole):
        metavar = str(action.metavar or "")
        if "DIR" in metavar:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.type is PATH or metavar.startswith("FILE"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(options.whole, shell=options.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of the parser and of all commands."""
    for action in parser._actions:
        yield action
        for other in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
            yield from _actions(other)
