"""Commands as they were written before there were commands: ``sssd-export MODEL --out DIR`` and its options."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

# Option that chose what is a command now -> whether it took a value.
_CHOSE = {"--list-targets": False, "--auto": False, "--refit": True, "--triton": True}


class Commands(TyperGroup):
    """A group that takes the old spelling for the command that it has become, with a hint."""

    # The context is click's, which some versions of typer bring along as a package of their own.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the group does; words that begin with no command are read as they were before there were any."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names} and _is_old(args):
            args = new_spelling(args)
            typer.echo(f"note: this is written sssd-export {shlex.join(args)} now", err=True)
        return super().parse_args(ctx, args)


def _is_old(args: list[str]) -> bool:
    """Options first, or a folder first; anything else is a command, misspelt."""
    return args[0].startswith("-") or Path(args[0]).exists() or any(arg.startswith("--out") for arg in args)


def new_spelling(args: list[str]) -> list[str]:
    """The command that the words stand for, and its arguments: the folder that an option named comes last."""
    rest: list[str] = []
    chosen, named = "build", list[str]()
    words = iter(args)
    for word in words:
        option, equals, value = word.partition("=")
        if option not in _CHOSE:
            rest.append(word)
            continue
        chosen = option.removeprefix("--").removeprefix("list-")
        if _CHOSE[option]:
            named = [value if equals else next(words, "")]
    return [chosen, *rest, *named]
