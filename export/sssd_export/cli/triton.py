"""``sssd-export triton ENGINE REPOSITORY``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sssd_export.cli.shared_options import EngineFolder


def triton(
    engine: EngineFolder,
    repository: Annotated[Path, typer.Argument(help="model repository of NVIDIA's Triton server, to add to")],
    seeds: Annotated[
        bool, typer.Option("--seeds", help="take a seed in the place of noise, which the server then makes")
    ] = False,
) -> None:
    """Add an engine to a model repository of Triton, or the next version of it."""
    from sssd_export.triton import write_triton

    name, version = write_triton(engine, repository, seeds=seeds)
    typer.echo(f"{repository}: version {version} of {name}; tritonserver --model-repository={repository} serves it")
