"""The reference of the commands: what ``--help`` says of each, asked of the commands themselves."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from unittest import mock

ABOUT = """\
# Commands

A command ends with 0; or with 2 and one line that begins `error:` and names a remedy. Ctrl-C ends it with 130. What it
warns of is one line that begins `warning:`. What was understood of the data is told in a line that begins `data:`. All
three go to standard error.
"""


def commands_page() -> str:
    """``sssd`` and ``sssd-export``, each of their commands with its arguments and options."""
    from sssd_export.cli import main as sssd_export
    from sssd_registry.cli import main as sssd

    parts = [ABOUT]
    for name, main in (("sssd", sssd), ("sssd-export", sssd_export)):
        parts += _sections(main, (name,))
    return "\n\n".join(parts) + "\n"


def _sections(main: Callable[[], None], words: tuple[str, ...]) -> Iterator[str]:
    """A command, then the commands that it lists."""
    text = help_of(main, *words)
    yield f"{'#' * (len(words) + 1)} {' '.join(words)}\n\n```text\n{text}\n```"
    for name in listed_commands(text):
        yield from _sections(main, (*words, name))


def help_of(main: Callable[[], None], program: str, *words: str) -> str:
    """What ``PROGRAM WORDS --help`` prints."""
    out = io.StringIO()
    argv = [program, *words, "--help"]
    with mock.patch.object(sys, "argv", argv), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    return out.getvalue().strip()


def listed_commands(text: str) -> list[str]:
    """The names under “Commands:”."""
    listed = text.partition("\nCommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z][a-z-]*)(?:  |$)", listed, re.MULTILINE)
