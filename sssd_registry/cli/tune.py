"""``sssd tune MODEL DATA --steps 8``: a solver made for this model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sssd_registry.tuning.tune import Row


def tune(
    model: Annotated[Path, typer.Argument(help="model folder")],
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow, with the model's validation data")],
    steps: Annotated[int, typer.Option(min=2, help="network calls of the solver")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Search time steps for a multistep solver on the validation data, and keep it as the scheduler `tuned`."""
    from sssd_registry.cli.understood import read_for

    read = read_for(model, data)  # before torch is imported, which takes seconds
    from sssd_registry.cli.progress import tuning_bar
    from sssd_registry.model_pipeline import ModelPipeline
    from sssd_registry.storage.sampling_defaults import write_tuned
    from sssd_registry.tuning.tune import tune

    pipeline = ModelPipeline.from_pretrained(model)
    with tuning_bar() as report:
        tableau, rows = tune(pipeline, read, steps, report=report)
    write_tuned(model, tableau)
    if as_json:
        typer.echo(
            json.dumps({"timesteps": tableau.timesteps.tolist(), "rows": [asdict(row) for row in rows]}, indent=1)
        )
        return
    _print(rows)
    typer.echo(
        f"{model}: --scheduler tuned --steps {steps} now takes t = {', '.join(f'{t:.1f}' for t in tableau.timesteps)}"
    )


def _print(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("solver", "network calls", "distance to 200 steps", "validation CRPS"):
        table.add_column(column, justify="left" if column == "solver" else "right")
    for row in rows:
        table.add_row(row.solver, str(row.calls), f"{row.distance:.4f}", f"{row.crps:.5f}")
    Console().print(table)
