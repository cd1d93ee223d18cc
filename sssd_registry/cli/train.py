"""``sssd train DATA --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sssd_registry.cli.shared_options import Strict, Unit


def train(
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow with a time column")],
    out: Annotated[Path, typer.Option(help="model folder to write")],
    config: Annotated[Path | None, typer.Option(help="TOML file with [data], [model] and [training]")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="override one setting; repeatable"),
    ] = None,
    horizons: Annotated[
        str | None, typer.Option(help="bars or durations, such as 1,4,24 or 15min,1h,4h; 1:24 for a range")
    ] = None,
    unit: Unit = "bars",
    init: Annotated[
        str | None, typer.Option(metavar="MODEL", help="start from this model's encoder: a folder, or owner/name")
    ] = None,
    strict: Strict = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on where an interrupted run stopped")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a model that is already in OUT")] = False,
) -> None:
    """Train a forecaster; Ctrl-C stops it so that --resume can go on."""
    from sssd_registry.cli.horizons import asked_settings
    from sssd_registry.cli.progress import fitting_lines, training_bar
    from sssd_registry.cli.strictness import strictly
    from sssd_registry.cli.validation_scores import tell_scores
    from sssd_registry.data.training_data import training_data
    from sssd_registry.training.launch import launched
    from sssd_registry.training.place import check_output

    settings = asked_settings(config, set_, horizons, unit)
    check_output(out, resume, overwrite)
    with strictly(strict):
        prepared = training_data(data, settings.data)  # before torch is imported, which takes seconds
    typer.echo(f"data: {prepared.summary}", err=True)
    if (count := launched()[1]) > 1:
        typer.echo(f"{count} processes share the {settings.training.batch_size} windows of each batch", err=True)
    from sssd_registry.training.train import TrainingInterrupted
    from sssd_registry.training.train import train as run

    with training_bar(settings.training.max_steps) as report:
        try:
            pipeline = run(prepared, settings, out, init=init, resume=resume, report=report, tell=fitting_lines())
        except TrainingInterrupted:
            typer.echo("interrupted; the same command with --resume goes on from here", err=True)
            raise typer.Exit(130) from None
    record = pipeline.record
    if record is not None:
        typer.echo(f"{out}: {record.steps} steps")
        tell_scores(record.validation_scores)
        if (direct := pipeline.network.normalizer.direct) is not None:
            typer.echo(f"location and scale: {direct.told}")
        if record.calibration is not None:
            typer.echo(f"calibration on the validation part: {record.calibration}")
        for name, words in record.bounds.items():
            typer.echo(f"bounds of {name}: {words}")
        for name, found in record.validation_gains.items():
            typer.echo(f"network against the Gaussian it starts from, {name} on the validation part: {found}")
        if not record.network_in_use:
            typer.echo(
                "the network is left out, as it was not surely better; the model forecasts the Gaussian that its units"
                f" and their correlation are (model.location_scale {settings.model.location_scale})"
            )
