"""``sssd train DATA --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_registry.training.checkpoint import Progress


def train(
    data: Annotated[Path, typer.Argument(help="CSV or Parquet with a time column")],
    out: Annotated[Path, typer.Option(help="model folder to write")],
    config: Annotated[Path | None, typer.Option(help="TOML file with [data], [model] and [training]")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="override one setting; repeatable")
    ] = None,
    horizons: Annotated[str | None, typer.Option(help="bars or durations, such as 1,4,24 or 15min,1h,4h")] = None,
    unit: Annotated[str, typer.Option(help="what plain numbers in --horizons count: bars or min")] = "bars",
    resume: Annotated[bool, typer.Option("--resume", help="go on where an interrupted run stopped")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a model that is already in OUT")] = False,
) -> None:
    """Train a forecaster; Ctrl-C stops it so that --resume can go on."""
    from sssd_registry.cli.horizons import horizon_list
    from sssd_registry.config import load_config

    overrides = list(set_ or [])
    if horizons is not None:
        overrides.append(f"data.horizons={horizon_list(horizons, unit)}")
    settings = load_config(config, overrides)
    if (out / "model_index.json").exists() and not overwrite:
        raise SSSDError(f"{out} already holds a model: choose another folder, or pass --overwrite")
    from sssd_registry.training.loop import TrainingInterrupted
    from sssd_registry.training.loop import train as run

    with _progress(settings.training.max_steps) as report:
        try:
            pipeline = run(data, settings, out, resume=resume, report=report)
        except TrainingInterrupted:
            typer.echo("interrupted; the same command with --resume goes on from here", err=True)
            raise typer.Exit(130) from None
    record = pipeline.record
    if record is not None:
        typer.echo(f"{out}: {record.steps} steps, validation CRPS {record.validation_crps:.4f} (standard units)")


class _progress:
    """A bar with rate, time left, loss and the best validation CRPS so far."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} steps/s"),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  best CRPS {task.fields[best]:.4f}"),
        )
        self.task = self.bar.add_task("training", total=total, loss=float("nan"), best=float("nan"), rate=0.0)

    def __enter__(self) -> _progress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, progress: Progress, loss: float) -> None:
        task: Any = self.bar.tasks[0]
        smooth = loss if task.fields["loss"] != task.fields["loss"] else 0.98 * task.fields["loss"] + 0.02 * loss
        self.bar.update(
            self.task, completed=progress.step, loss=smooth, best=progress.best_crps, rate=task.speed or 0.0
        )
