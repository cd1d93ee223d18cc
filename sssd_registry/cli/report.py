"""``sssd report MODEL_OR_ENGINE DATA --out report.html``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sssd_registry.cli.shared_options import (
    FirstOrigin,
    History,
    ModelOrEngine,
    SchedulerName,
    ScoredSamples,
    Steps,
    TrainedHorizons,
    Unit,
)


def report(
    model: ModelOrEngine,
    data: History,
    out: Annotated[Path, typer.Option(help="page to write, .html; it needs no network")],
    horizons: TrainedHorizons = None,
    unit: Unit = "bars",
    scheduler: SchedulerName = None,
    steps: Steps = None,
    samples: ScoredSamples = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    start: FirstOrigin = None,
    max_windows: Annotated[int, typer.Option(min=2, help="score so many windows, evenly spaced")] = 400,
    origins: Annotated[int, typer.Option(min=1, help="forecasts to look at, of each series; fewer of many")] = 40,
    front: Annotated[
        Path | None, typer.Option(help="draw time against CRPS: what `sssd compare --json` printed, or an auto engine")
    ] = None,
) -> None:
    """Write one page to look at: forecasts, scores, calibration, paths, data and configuration."""
    from sssd_registry.cli.evaluate import time_of
    from sssd_registry.cli.progress import evaluation_bar
    from sssd_registry.cli.understood import frame_for
    from sssd_registry.evaluation.rivals import forecast_rivals
    from sssd_registry.horizons import split_horizons
    from sssd_registry.model_or_engine import open_forecaster, read_split
    from sssd_registry.report.front import own_front, read_front
    from sssd_registry.report.page import check_page, write_page

    check_page(out)
    since = None if start is None else time_of(start)
    points = own_front(model) if front is None else read_front(front)
    read = frame_for(model, data)
    forecaster = open_forecaster(model, scheduler, steps)  # of a damaged model, says what is wrong
    if read is None:
        return
    from sssd_registry.report.collect import About, collect
    from sssd_registry.report.settings import settings_table

    with evaluation_bar() as tell:
        made = forecast_rivals(
            forecaster,
            read.panel,
            start=since,
            horizons=None if horizons is None else split_horizons(horizons, unit),
            num_samples=samples,
            seed=seed,
            max_windows=max_windows,
            report=tell,
        )
    asked = {"data": data, "scheduler": scheduler, "steps": steps, "samples": samples, "seed": seed, "start": start}
    given = [
        [f"--{name}" if name != "data" else name, str(value)] for name, value in asked.items() if value is not None
    ]
    split = read_split(model) or (None, forecaster.test_start)
    name = f"{Path(os.path.abspath(model)).name} on {data.name}"  # not resolve(), which would follow a link
    about = About(name, read.summary, [*given, *settings_table(model)], split, points)
    write_page(collect(made, read.frame, about, origins), out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
