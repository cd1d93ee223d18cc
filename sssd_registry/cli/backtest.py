"""``sssd backtest DATA --out OUT``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sssd_registry.cli.shared_options import Strict, Unit

if TYPE_CHECKING:
    from sssd_registry.backtesting.folds import Fold
    from sssd_registry.backtesting.result import Backtest
    from sssd_registry.backtesting.run_fold import Done


def backtest(
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow with a time column")],
    out: Annotated[Path, typer.Option(help="folder for tables and models; finished folds in it are kept")],
    folds: Annotated[int, typer.Option(min=1, help="stretches of time to forecast, the last ones of the data")] = 5,
    refit: Annotated[
        bool, typer.Option("--refit", help="train for each fold anew; else one model forecasts all")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with [data], [model] and [training]")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="override one setting; repeatable"),
    ] = None,
    horizons: Annotated[
        str | None, typer.Option(help="bars or durations, such as 1,4,24 or 15min,1h,4h; 1:24 for a range")
    ] = None,
    unit: Unit = "bars",
    step: Annotated[
        int | None, typer.Option(min=1, help="bars from a fold to the next; default: the farthest horizon")
    ] = None,
    windows: Annotated[int, typer.Option(min=1, help="origins of each fold, evenly spaced over its step")] = 1,
    samples: Annotated[int, typer.Option(min=2, help="samples of each forecast")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same forecasts")] = 0,
    strict: Strict = False,
    jobs: Annotated[int, typer.Option(min=1, help="processes that folds are run by")] = 1,
    format: Annotated[str, typer.Option(help="of the tables: parquet or csv")] = "parquet",
    plot: Annotated[Path | None, typer.Option(help="draw scores by fold, and forecasts (.png)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Train on the past, forecast what came next, go on in time, and again; scores beside naive forecasts."""
    from sssd_registry.cli.horizons import asked_settings
    from sssd_registry.cli.progress import comparison_bar
    from sssd_registry.cli.strictness import strictly

    settings = asked_settings(config, set_, horizons, unit)
    if plot is not None:
        from sssd_registry.plots.figure_file import check_picture

        check_picture(plot, "--plot")
    from sssd_registry.backtesting.backtest import backtest as run

    try:
        with strictly(strict), comparison_bar("training") as show:
            result = run(
                data,
                settings,
                folds=folds,
                refit=refit,
                step=step,
                windows=windows,
                num_samples=samples,
                seed=seed,
                jobs=jobs,
                out=out,
                format=format,
                report=lambda fold, done: tell_fold(fold, done, folds),
                training=lambda done, total: show(done, total, ""),
            )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on with what is not in {out} yet", err=True)
        raise typer.Exit(130) from None
    if plot is not None:
        from sssd_registry.plots.plot_backtest import plot_backtest

        plot_backtest(result, plot)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        print_backtest(result)


def tell_fold(fold: Fold, done: Done, folds: int) -> None:
    """A line on standard error for each fold that ends."""
    import numpy as np

    until = str(np.datetime64(fold.cutoff, "s")).replace("T", " ")
    outcome = f"failed: {done.error}" if done.error else f"{done.windows} windows"
    typer.echo(f"fold {fold.number} of {folds}, past until {until} UTC: {outcome}", err=True)


def print_backtest(result: Backtest) -> None:
    """Two tables: CRPS by fold, and all scores of all folds together."""
    from rich.table import Table

    from sssd_registry.backtesting.result import table_rows
    from sssd_registry.cli.evaluate import print_table
    from sssd_registry.cli.print_table import print_table as print_plain

    table = Table(title="CRPS by fold", box=None, header_style="bold")
    for name in ("fold", "past until, UTC", "windows", *result.evaluation.scores):
        table.add_column(name, justify="right")
    for row in table_rows(result.folds):
        table.add_row(*row)
    print_plain(table, width=100)
    print_table(result.evaluation)
    typer.echo(f"{result.out}: windows/, paths/ and models/", err=True)
