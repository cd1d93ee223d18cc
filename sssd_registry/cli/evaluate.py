"""``sssd evaluate MODEL_OR_ENGINE DATA``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sssd_registry.cli.shared_options import (
    FirstOrigin,
    History,
    ModelOrEngine,
    SchedulerName,
    ScoredSamples,
    Steps,
    Strict,
    TrainedHorizons,
    Unit,
)
from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    import pandas as pd

    from sssd_registry.evaluation.evaluate import Evaluation


def evaluate(
    model: ModelOrEngine,
    data: History,
    horizons: TrainedHorizons = None,
    unit: Unit = "bars",
    scheduler: SchedulerName = None,
    steps: Steps = None,
    samples: ScoredSamples = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    start: FirstOrigin = None,
    strict: Strict = False,
    max_windows: Annotated[int | None, typer.Option(min=1, help="score so many windows, evenly spaced")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="score by a plugin's metric, too: NAME or NAME:option=value; repeatable"),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="draw calibration: PIT, and coverage by horizon (.png)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Score forecasts beside the random walk and the seasonal baseline, on data after the training data."""
    from sssd_registry.cli.progress import evaluation_bar
    from sssd_registry.cli.strictness import strictly
    from sssd_registry.cli.understood import read_for
    from sssd_registry.evaluation.evaluate import evaluate as run
    from sssd_registry.horizons import split_horizons
    from sssd_registry.model_or_engine import open_forecaster

    since = None if start is None else time_of(start)
    if plot is not None:
        from sssd_registry.plots.figure_file import check_picture

        check_picture(plot, "--plot")
    with strictly(strict), evaluation_bar() as report:
        read = read_for(model, data)
        forecaster = open_forecaster(model, scheduler, steps)
        result = run(
            forecaster,
            read,
            start=since,
            horizons=None if horizons is None else split_horizons(horizons, unit),
            num_samples=samples,
            seed=seed,
            max_windows=max_windows,
            metrics=metric or (),
            report=report,
        )
    if plot is not None:
        from sssd_registry.plots.plot_calibration import plot_calibration

        plot_calibration(result.calibration, plot, title_of(result))
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        print_table(result)


def time_of(text: str) -> pd.Timestamp:
    """Read the time after ``--start``."""
    import pandas as pd

    try:
        time = pd.Timestamp(text)
    except ValueError:
        time = None
    if time is None or pd.isna(time):  # "NaT", too, is a text that pandas reads
        raise SSSDError(f"--start takes a time such as 2018-01-31, got {text!r}")
    return time


def print_table(result: Evaluation) -> None:
    """One row for each score, one column for each forecaster."""
    from rich.console import Console
    from rich.table import Table

    title = f"{title_of(result)}, horizons {', '.join(map(str, result.horizons))} bars"
    table = Table(title=title, box=None, header_style="bold")
    table.add_column("score")
    for name in result.scores:
        table.add_column(name, justify="right")
    rows = result.rows()
    for label in next(iter(rows.values())):
        table.add_row(label, *(rows[name][label] for name in rows))
    Console().print(table)


def title_of(result: Evaluation) -> str:
    """Tell which windows were scored."""
    return f"{result.windows} windows, {result.start} to {result.end}"
