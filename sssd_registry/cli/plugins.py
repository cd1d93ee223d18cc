"""``sssd plugins``: what is installed, where it comes from, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

COLUMNS = ("kind", "name", "distribution", "version", "status", "summary")


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """List schedulers, noise heads and export targets, and plugins that could not be loaded."""
    from sssd_registry.registry import registry

    entries = sorted(registry().entries, key=lambda entry: (entry.kind, entry.name, entry.distribution))
    rows = [{column: getattr(entry, column) for column in COLUMNS} for entry in entries]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in COLUMNS))
    Console().print(table)
