"""The commands of ``sssd-export``. Each imports what it needs when it runs."""

from __future__ import annotations

import signal
import sys

import typer

from sssd_export.cli.auto import auto
from sssd_export.cli.build import build
from sssd_export.cli.inspect import inspect
from sssd_export.cli.old_spelling import Commands
from sssd_export.cli.refit import refit
from sssd_export.cli.targets import targets
from sssd_export.cli.triton import triton
from sssd_export.cli.web import web
from sssd_registry.cli.exit_status import run_app

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compile a trained model, its whole sampling loop included, to an engine that needs no torch.",
)
for command in (build, auto, refit, triton, web, inspect, targets):
    app.command()(command)


def main() -> None:
    """Entry point. A service that is told to end (SIGTERM) leaves nothing half-written, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    run_app(app)
