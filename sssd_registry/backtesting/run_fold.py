"""One fold: train on the past, forecast from each origin with the rows known there, and write what came of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.backtesting.folder import Tables
from sssd_registry.backtesting.folds import Fold
from sssd_registry.backtesting.plan import Plan
from sssd_registry.backtesting.table import Forecasts, paths_table, windows_table
from sssd_registry.data.end_windows import noise_streams
from sssd_registry.data.panel import Series
from sssd_registry.data.windows import history_at
from sssd_registry.errors import DataWarning
from sssd_registry.evaluation.baselines import random_walk, seasonal_naive
from sssd_registry.files.folder_kinds import CHECKPOINT, MODEL
from sssd_registry.forecast_ends import Ends, forecast_ends
from sssd_registry.forecaster import Forecaster
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.training.place import checkpoint_of

Array = npt.NDArray[np.float64]
# Steps of a training, and of how many.
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Done:
    """Outcome of a fold.

    Attributes:
        fold: its number.
        windows: forecasts, of all series.
        told: kind and text of each warning.
        error: why it could not be run, or "".
    """

    fold: int
    windows: int = 0
    told: tuple[tuple[type[Warning], str], ...] = ()
    error: str = ""


def run_fold(plan: Plan, fold: Fold, out: Path) -> Done:
    """Run one fold, whose tables are then in ``out``.

    Raises:
        SSSDError: its past cannot be trained on, or no series can be forecast.
    """
    tables = Tables(out, plan.options.format)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        model = tables.model(fold.number if plan.options.refit else None)
        if plan.options.refit:
            train_for(plan, fold, model)
        forecaster = open_forecaster(model, head=plan.head)
        made = [
            forecasts_at(plan, forecaster, origin, plan.options.windows * (fold.number - 1) + number)
            for number, origin in enumerate(fold.origins)
        ]
    zone = plan.spec.written_zone
    windows = [windows_table(one, fold.number, plan.spec, zone) for one in made]
    paths = [paths_table(one, fold.number, plan.spec, zone) for one in made]
    tables.write(fold.number, *(pd.concat(frames, ignore_index=True) for frames in (windows, paths)))
    told = tuple(dict.fromkeys((one.category, str(one.message)) for one in caught))
    return Done(fold.number, sum(len(one.series) for one in made), told)


def train_for(plan: Plan, fold: Fold, model: Path, report: Report | None = None) -> None:
    """Train on what is known at the fold's cutoff; goes on where it was stopped, and does nothing where it is done."""
    if (model / MODEL.marker).is_file():
        return
    from sssd_registry.training.train import train

    resume = (checkpoint_of(model) / CHECKPOINT.marker).is_file()
    most = plan.config.training.max_steps
    train(
        plan.past(fold.cutoff),
        plan.config,
        model,
        head=plan.head,
        resume=resume,
        report=None if report is None else lambda progress, _: report(progress.step, most),
    )


def forecasts_at(plan: Plan, forecaster: Forecaster, origin: int, number: int) -> Forecasts:
    """Forecast from one origin, with the rows that are known there alone."""
    options, horizons = plan.options, [int(horizon) for horizon in plan.spec.horizons]
    seed = options.seed * 1_000_003 + number  # of its own: the same noise at every origin would tie their errors
    past = plan.past(origin)
    ends = forecast_ends(forecaster, past, horizons=horizons, num_samples=options.samples, seed=seed)
    by_name = {series.id: series for series in plan.actual.series}
    known = [by_name.get(name) for name in ends.forecast.series]
    last = ends.source.base.starts[ends.source.offsets[ends.origins.series] + ends.origins.row]
    came = [_came(series, int(start), horizons, plan) for series, start in zip(known, last, strict=True)]
    y = np.stack([values for values, _ in came])  # (B, K, C)
    origins = history_at(ends.source, ends.origins, 1)[:, -1]  # (B, C)
    if plan.spec.target_kind == "log-return":
        y = np.log(y / origins[:, None])
        origins = np.zeros_like(origins)
    times = ends.forecast.times.copy()
    for row, (_, starts) in enumerate(came):
        times[row, : len(starts)] = starts.astype("datetime64[s]")
    samples = {"model": ends.forecast.samples, **_naive(ends, forecaster, horizons, options.samples, seed)}
    return Forecasts(samples, y, origins, ends.forecast.series, ends.forecast.origin_times, times)


def _came(series: Series | None, origin: int, horizons: list[int], plan: Plan) -> tuple[Array, npt.NDArray[np.int64]]:
    """Levels of the targets after ``origin``, ``(K, C)``, NaN where none is known; and starts of the bars there are."""
    y = np.full((len(horizons), len(plan.spec.targets)), np.nan)
    if series is None:
        return y, np.empty(0, dtype=np.int64)
    row = int(np.searchsorted(series.times, origin, side="right")) - 1
    rows = row + np.asarray(horizons)
    rows = rows[rows < len(series.times)]
    y[: len(rows)] = series.values[rows][:, list(plan.spec.target_indices)]
    return y, series.times[rows]


def _naive(ends: Ends, forecaster: Forecaster, horizons: list[int], samples: int, seed: int) -> dict[str, Array]:
    """Naive forecasts, each series with noise of its own, so that it does not depend on the others."""
    spec, source = forecaster.spec, ends.source
    log = spec.target_kind == "log-return"
    history = history_at(source, ends.origins, max(spec.base.lookback, 2 * spec.season + 1))  # (B, H, C)
    made: dict[str, list[Array]] = {"random walk": [], "seasonal naive": []}
    for one, stream in zip(history[:, None], noise_streams(ends.forecast.series), strict=True):
        walk, season = (np.random.default_rng([seed, int(stream)]) for _ in range(2))
        made["random walk"].append(
            random_walk(one, horizons, samples, walk, window=forecaster.random_walk_window, log=log)
        )
        made["seasonal naive"].append(seasonal_naive(one, horizons, samples, season, season=spec.season, log=log))
    return {name: np.concatenate(rows) for name, rows in made.items()}
