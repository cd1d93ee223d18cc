"""``sssd forecast MODEL_OR_ENGINE 'parts/*.parquet' --out OUT``: many files, by a pool of processes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_registry.batch.work import Job


def forecast_parts(job: Job, pattern: Path, out: Path, workers: int | None, engine: str) -> None:
    """Forecast what is not there yet; tell what could not be.

    Raises:
        SSSDError: a folder of something else, a model that cannot be opened, or parts that have no forecast.
    """
    from sssd_registry.batch.parts import LEFT_OUT, find_parts, read_left_out, settle_folder, write_left_out
    from sssd_registry.cli.progress import parts_bar
    from sssd_registry.extras import require
    from sssd_registry.model_or_engine import open_forecaster

    if engine == "ray":
        require("ray", "--engine ray")
        from sssd_registry.batch.ray_pool import run_parts
    elif engine == "processes":
        from sssd_registry.batch.pool import run_parts
    else:
        raise SSSDError(f"--engine takes processes or ray, got {engine!r}")
    parts = find_parts(pattern, out)
    open_forecaster(job.model, job.scheduler, job.steps)  # what is wrong with it is said once, and by this process
    settle_folder(out, settings_of(job))
    left = {part: target for part, target in parts.items() if not target.exists()}
    typer.echo(f"data: {len(parts):,} parts, {len(parts) - len(left):,} of them forecast already", err=True)
    again = {part.name for part in left}
    missing = [row for row in read_left_out(out) if row.part not in again]
    series = failed = 0
    count = workers or len(os.sched_getaffinity(0))
    try:
        with parts_bar() as show:
            for number, done in enumerate(run_parts(job, left, count), 1):
                series += done.series
                failed += done.series == 0
                missing += done.left_out
                show(number, len(left), f"{series:,} series, {len(missing):,} left out")
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on with what is not in {out} yet", err=True)
        raise typer.Exit(130) from None
    finally:
        write_left_out(out, missing)
    typer.echo(f"{out}: {len(left) - failed:,} parts and {series:,} series forecast, {len(missing):,} left out")
    if failed:
        first = next(row for row in missing if not row.series)
        raise SSSDError(
            f"{failed:,} of {len(parts):,} parts have no forecast, the first {first.part}: {first.reason};"
            f" {out / LEFT_OUT} lists them, and the same command tries them again"
        )


def settings_of(job: Job) -> dict[str, Any]:
    """Settings that forecasts depend on; a folder has those of one setting."""
    from sssd_registry.files.folder_kinds import ENGINE, MODEL

    digest = hashlib.sha256()
    for name in (ENGINE.marker, MODEL.marker):  # they have the digests of all other files
        file = job.model / name
        digest.update(file.read_bytes() if file.is_file() else b"")
    horizons = None if job.horizons is None else list(job.horizons)
    return {**asdict(job), "model": digest.hexdigest(), "horizons": horizons}
