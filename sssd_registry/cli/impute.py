"""``sssd impute MODEL DATA --out FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def impute(
    model: Annotated[Path, typer.Argument(help="model folder")],
    data: Annotated[Path, typer.Argument(help="CSV or Parquet with missing values")],
    out: Annotated[Path, typer.Option(help="table of what was missing, with quantiles (.csv or .parquet)")],
    samples: Annotated[int, typer.Option(min=2, help="samples of each missing value")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same samples")] = 0,
) -> None:
    """Fill missing values with what may have been there, given all that was observed about them."""
    from sssd_registry.cli.progress import evaluation_bar
    from sssd_registry.cli.understood import read_for
    from sssd_registry.forecast import check_forecast_file
    from sssd_registry.imputing.impute import impute as run
    from sssd_registry.imputing.impute import write_imputed

    check_forecast_file(out)
    read = read_for(model, data)
    from sssd_registry.model_pipeline import ModelPipeline

    pipeline = ModelPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    with evaluation_bar() as report:
        made = run(pipeline, read, num_samples=samples, seed=seed, report=report)
    write_imputed(made, out)
    left = (
        f"; {made.left:,} more lie before the first full window of their series, and stay missing" if made.left else ""
    )
    typer.echo(f"{out}: {len(made.times):,} missing values{left}")
