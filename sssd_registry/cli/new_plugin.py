"""``sssd new-plugin NAME --kind scheduler``: a distribution to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from sssd_registry.errors import SSSDError, near_matches


def new_plugin(
    name: Annotated[str, typer.Argument(help="of the distribution, and of what it offers: small letters and hyphens")],
    kind: Annotated[str, typer.Option(help="scheduler, sampler, head, target, tracker or metric")] = "scheduler",
    out: Annotated[Path, typer.Option(help="folder to put it in")] = Path(),
) -> None:
    """Write a complete plugin: a working example, the conformance suite as its tests, and a README."""
    from sssd_registry.newplugin.write import Kind
    from sssd_registry.newplugin.write import new_plugin as write

    for known in get_args(Kind):
        if kind == known:
            folder = write(name, known, out)
            typer.echo(f"{folder} is written; next:\n  cd {folder}\n  pip install '.[test]'\n  pytest\n  sssd plugins")
            return
    raise SSSDError(f"--kind {kind!r}: {near_matches(kind, get_args(Kind))}")
