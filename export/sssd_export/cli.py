"""``sssd-export MODEL --out DIR``: compile a trained model to an engine folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sssd_registry.cli.errors import run_app

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="model folder, as written by `sssd train`")],
    out: Annotated[Path, typer.Option(help="engine folder to write")],
    target: Annotated[str, typer.Option(help="NAME or NAME:option=value,…; see `sssd plugins`")] = "onnx",
    scheduler: Annotated[str | None, typer.Option(help="NAME or NAME:option=value,…; default: the model's own")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="inference steps; default: the model's own, or 20")] = None,
    samples: Annotated[int, typer.Option(min=2, help="samples by default; any number can be asked for")] = 100,
    horizons: Annotated[str | None, typer.Option(help="bars or durations, such as 1,4,24; default: as trained")] = None,
    unit: Annotated[str, typer.Option(help="what plain numbers in --horizons count: bars or min")] = "bars",
    as_json: Annotated[bool, typer.Option("--json", help="print the manifest")] = False,
) -> None:
    """Compile encoder, noise head and the whole sampling loop into one engine that needs no torch."""
    from sssd_export.request import export_model

    manifest = export_model(model, out, target, scheduler, steps, samples, horizons, unit)
    if as_json:
        typer.echo(json.dumps(manifest, indent=1))
        return
    parity = manifest["parity"]
    typer.echo(
        f"{out}: {manifest['target']} engine, {manifest['scheduler']} in {manifest['num_calls']} network calls,"
        f" horizons {', '.join(map(str, manifest['horizons']))}; off the live scheduler by"
        f" {parity['max_error']:.1e} of the samples' standard deviation ({parity['tolerance']:.0e} allowed)"
    )


def main() -> None:
    """Entry point: user errors are one line and exit code 2."""
    run_app(app)
