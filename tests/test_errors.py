"""Errors and warnings to a user: errors end a command, words about the data do not."""

from __future__ import annotations

import warnings

import typer
from cli_runner import run

from sssd_registry.cli.exit_status import run_app
from sssd_registry.errors import DataWarning


def test_a_word_about_the_data_is_one_line_on_standard_error() -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        for name in "ab":  # the same place and category twice: Python's default shows it once
            warnings.warn(f"series {name!r} is too\nshort", DataWarning, stacklevel=1)
        typer.echo("result")

    outcome = run(lambda: run_app(app))
    assert outcome.code == 0
    assert outcome.out == "result\n"
    assert outcome.err == "warning: series 'a' is too short\nwarning: series 'b' is too short\n"
