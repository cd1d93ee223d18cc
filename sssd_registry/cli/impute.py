"""``sssd impute MODEL DATA --out FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def impute(
    model: Annotated[Path, typer.Argument(help="model or engine folder")],
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow with missing values")],
    out: Annotated[Path, typer.Option(help="table of what was missing, with quantiles (.csv or .parquet)")],
    samples: Annotated[int, typer.Option(min=2, help="samples of each missing value")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same samples")] = 0,
    plot: Annotated[Path | None, typer.Option(help="draw the first series that has holes (.png)")] = None,
    plot_paths: Annotated[int, typer.Option(min=0, help="so many sample paths in --plot")] = 5,
) -> None:
    """Fill missing values with what may have been there, given all that was observed about them."""
    from sssd_registry.cli.progress import evaluation_bar
    from sssd_registry.cli.understood import read_for
    from sssd_registry.forecast import check_forecast_file
    from sssd_registry.imputing.impute import impute as run
    from sssd_registry.imputing.impute import write_imputed
    from sssd_registry.model_or_engine import open_given
    from sssd_registry.plots.figure_file import check_picture

    check_forecast_file(out)
    if plot is not None:
        check_picture(plot, "--plot")
    read = read_for(model, data)
    forecaster = open_given(model)
    with evaluation_bar() as report:
        made = run(forecaster, read, num_samples=samples, seed=seed, report=report)
    write_imputed(made, out)
    if plot is not None:
        from sssd_registry.plots.plot_imputed import plot_imputed

        plot_imputed(made, plot, paths=plot_paths)
    left = (
        f"; {made.left:,} more lie before the first full window of their series, and stay missing" if made.left else ""
    )
    typer.echo(f"{out}: {len(made.times):,} missing values{left}")
