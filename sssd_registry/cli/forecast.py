"""``sssd forecast MODEL_OR_ENGINE DATA``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sssd_registry.cli.shared_options import ModelOrEngine, SchedulerName, Steps, Strict, Unit
from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_registry.data.origins import Origins
    from sssd_registry.data.windows import WindowSource
    from sssd_registry.forecast import Forecast


def forecast(
    model: ModelOrEngine,
    data: Annotated[
        Path,
        typer.Argument(help="CSV, Parquet or Arrow; forecasts start after its last row. Or many: 'parts/*.parquet'"),
    ],
    horizons: Annotated[
        str | None, typer.Option(help="bars or durations, such as 1,4,24 or 15min,1h; 1:24 for a range")
    ] = None,
    unit: Unit = "bars",
    scheduler: SchedulerName = None,
    steps: Steps = None,
    samples: Annotated[int, typer.Option(min=2, help="samples of each forecast")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same forecast")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="write it, with more quantiles: .csv, .parquet or .json; of many files, a folder"),
    ] = None,
    paths: Annotated[
        bool,
        typer.Option("--paths", help="write the sample paths to --out instead: a row for each sample, horizon, target"),
    ] = False,
    levels: Annotated[
        bool, typer.Option("--levels", help="of a model of log-returns: levels, the last value times their exponential")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="draw the first series as a fan chart (.png)")] = None,
    plot_paths: Annotated[
        int, typer.Option(min=0, help="draw so many sample paths through the fan of --plot, such as 20")
    ] = 0,
    strict: Strict = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes, of many files; default: one for each core")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="of many files: processes of this machine, or ray, on a cluster with shared files")
    ] = "processes",
) -> None:
    """Forecast every series in DATA from its last row; of many files, what OUT has not yet."""
    from sssd_registry.batch.parts import is_pattern
    from sssd_registry.cli.strictness import strictly
    from sssd_registry.cli.understood import read_for
    from sssd_registry.forecast import check_forecast_file, write_forecast
    from sssd_registry.forecast_ends import forecast_ends
    from sssd_registry.horizons import split_horizons
    from sssd_registry.model_or_engine import open_forecaster
    from sssd_registry.plots.figure_file import check_picture

    if paths and out is None:
        raise SSSDError("--paths writes sample paths to a file: name it, such as --out paths.parquet")
    if plot_paths and plot is None:
        raise SSSDError("--plot-paths draws sample paths in a picture: name it, such as --plot forecast.png")
    wanted = None if horizons is None else split_horizons(horizons, unit)
    if is_pattern(data):
        from sssd_registry.batch.work import Job
        from sssd_registry.cli.forecast_parts import forecast_parts

        if out is None or plot is not None:
            raise SSSDError(f"{data} means many files: name a folder with --out, and leave --plot away")
        job = Job(model, scheduler, steps, wanted, samples, seed, paths, strict, levels)
        forecast_parts(job, data, out, workers, engine)
        return
    if workers is not None or engine != "processes":
        raise SSSDError("--workers and --engine are for many files, such as 'parts/*.parquet'; DATA is one")
    if out is not None:
        check_forecast_file(out)
    if plot is not None:
        check_picture(plot, "--plot")
    with strictly(strict):
        read = read_for(model, data)
        forecaster = open_forecaster(model, scheduler, steps)
        ends = forecast_ends(forecaster, read, horizons=wanted, num_samples=samples, seed=seed)
    made = ends.forecast.levels() if levels else ends.forecast
    if out is not None:
        write_forecast(made, out, paths=paths)
    if plot is not None:
        draw(made, ends.source, ends.origins, plot, plot_paths)
    if out is None:
        from sssd_registry.cli.forecast_table import forecast_lines

        typer.echo("\n".join(forecast_lines(made)))


def draw(made: Forecast, source: WindowSource, origins: Origins, path: Path, paths: int = 0) -> None:
    """The fan chart of the first series, after its recent history, with so many sample paths."""
    import numpy as np

    from sssd_registry.data.windows import history_at
    from sssd_registry.plots.plot_forecast import fan_chart

    origins = origins.take(np.array([0]))
    known = source.panel.series[origins.series[0]].times
    length = min(len(known), max(24, 4 * int(max(made.horizons))))
    history = history_at(source, origins, length)[0]  # (H, C)
    if made.last is not None:  # log-returns
        history = np.log(history / history[-1])
    fan_chart(made, known[-length:].astype("datetime64[s]"), history, path, paths=paths)
