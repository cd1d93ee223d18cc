"""``sssd-export inspect ENGINE``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sssd_export.cli.options import EngineFolder


def inspect(
    engine: EngineFolder,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show what an engine folder holds: its manifest, layers, weights and sizes, and how fast it is here."""
    from sssd_export.inspection import describe, inspected

    found = inspected(engine)
    typer.echo(json.dumps(found, indent=1) if as_json else describe(engine, found))
