"""``sssd plugins``: what is installed, where it comes from, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

if TYPE_CHECKING:
    from sssd_registry.plugin_api.discovery import Entry

# Those that are never folded.
_WHOLE = ("kind", "name", "version")
COLUMNS = ("kind", "name", "distribution", "version", "status", "summary")


def _order(entry: Entry) -> tuple[str, bool, str, str]:
    """Sort key: by kind, what cannot be used last."""
    return entry.kind, entry.status.startswith("unavailable"), entry.name, entry.distribution


def _row(entry: Entry) -> dict[str, str]:
    return {column: str(getattr(entry, column)) for column in COLUMNS} | {"status": entry.status_text}


def _options(entry: Entry) -> dict[str, str]:
    """Options by name, each with its type and default; none where a plugin's dataclass cannot be read."""
    kind = getattr(entry.spec, "options", None)
    if kind is None:
        return {}
    try:
        types, defaults = get_type_hints(kind), kind()
        return {
            field.name: f"{_type_text(types[field.name])} = {getattr(defaults, field.name)!r}"
            for field in dataclasses.fields(kind)
        }
    except Exception:  # a plugin's own code
        return {}


def _type_text(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " | ".join(map(repr, get_args(annotation)))
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, with options, instead of a table")] = False,
    why: Annotated[
        str | None, typer.Option(metavar="NAME", help="show in full what is wrong with a plugin, or what it offers")
    ] = None,
) -> None:
    """List schedulers, samplers, heads, export targets, trackers and metrics, and plugins that could not be loaded."""
    from sssd_registry.plugin_api.registry import registry

    if why is not None:
        from sssd_registry.plugin_api.explain import explain

        typer.echo(explain(registry(), why))
        return
    entries = sorted(registry().entries, key=_order)
    rows = [_row(entry) for entry in entries]
    if as_json:
        told = [{**row, "options": _options(entry)} for row, entry in zip(rows, entries, strict=True)]
        typer.echo(json.dumps(told, indent=1))
        return
    from rich.table import Table
    from rich.text import Text

    from sssd_registry.cli.print_table import print_table

    table = Table(box=None, header_style="bold")
    for column in COLUMNS:
        # Told, so that rich need not measure every cell.
        width = max(len(word) for word in (column, *(row[column] for row in rows))) if column in _WHOLE else None
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE, width=width)
    for row in rows:
        table.add_row(*(Text(row[column]) for column in COLUMNS))
    print_table(table, width=140)
