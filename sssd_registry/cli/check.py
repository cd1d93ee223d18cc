"""``sssd check MODEL``: what is in a model folder, and whether it is what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    model: Annotated[Path, typer.Argument(help="model folder")],
    sign: Annotated[
        bool, typer.Option("--sign", help="accept the files as they are, after a change by hand: record their hashes")
    ] = False,
) -> None:
    """Look through every file of MODEL, and forecast a few windows kept with it."""
    from sssd_registry.check_model import sign_model, try_model
    from sssd_registry.storage.index import check_files, file_states, read_index

    index = read_index(model, trust=sign)
    for name, state in file_states(model, index).items():
        typer.echo(f"{name:<34}{state}")
    if sign:
        typer.echo(sign_model(model))
        typer.echo(f"{model}: signed; its files are now taken for right as they are")
        return
    check_files(model, index)
    typer.echo(try_model(model))
