"""``sssd distill MODEL DATA --out FAST``: a model for one or a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def distill(
    model: Annotated[Path, typer.Argument(help="model folder; it stays as it is")],
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow, the model's training data")],
    out: Annotated[Path, typer.Option(help="folder of the distilled model")],
    scheduler: Annotated[
        str | None, typer.Option(help="deterministic, NAME or NAME:option=value,…; default: ddim, or flow-euler")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="inference steps that will do")] = 1,
    max_steps: Annotated[int, typer.Option(min=1, help="optimiser steps")] = 1000,
    resume: Annotated[bool, typer.Option("--resume", help="go on where an interrupted run stopped")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a model that is already in OUT")] = False,
) -> None:
    """Teach a copy of a model's head to give in one step what it gives in many; Ctrl-C stops it for --resume."""
    from sssd_registry.cli.compare import check_model
    from sssd_registry.cli.progress import training_bar
    from sssd_registry.cli.understood import read_for
    from sssd_registry.cli.validation_scores import tell_scores
    from sssd_registry.training.place import check_output

    check_output(out, resume, overwrite)
    check_model(model, [scheduler] if scheduler else [])
    read = read_for(model, data)  # before torch is imported, which takes seconds
    from sssd_registry.training.distill import distill as run
    from sssd_registry.training.train import TrainingInterrupted

    with training_bar(max_steps) as report:
        try:
            made = run(
                model, read, out, scheduler=scheduler, steps=steps, max_steps=max_steps, resume=resume, report=report
            )
        except TrainingInterrupted:
            typer.echo("interrupted; the same command with --resume goes on from here", err=True)
            raise typer.Exit(130) from None
    record = made.record
    assert record is not None
    assert record.distilled is not None
    share = record.validation_crps / record.distilled.teacher_crps
    typer.echo(f"{out}: {record.distilled}; validation CRPS {share:.1%} of what {model} has in many steps")
    tell_scores(record.validation_scores)
