"""LightGBM quantiles: one model for all horizons, series and targets, of lags, hours and what is known ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from classical import NUM_SAMPLES
from scipy.stats import norm
from tasks import Task

from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import KNOWN, futures_at, history_at, windows_at

Array = npt.NDArray[np.float64]

# The deciles, and the ends of 90 % intervals.
_LEVELS = (0.05, *(round(0.1 * k, 1) for k in range(1, 10)), 0.95)
_ROWS, _VALIDATION_ROWS, _LAST = 200_000, 50_000, 24
_SETTINGS = {
    "objective": "quantile", "learning_rate": 0.05, "num_leaves": 63, "min_data_in_leaf": 50, "bagging_fraction": 0.8,
    "bagging_freq": 1, "feature_fraction": 0.8, "seed": 0, "verbose": -1,
}  # fmt: skip
_MOST_TREES, _PATIENCE = 1500, 50
_DAY, _WEEK = 86_400, 604_800


@dataclass(frozen=True)
class Rows:
    """What is told of n numbers to be forecast ``(n, F)``; these, in units of their windows; and windows' units."""

    told: Array
    moved: Array
    unit: Array
    last: Array


def forecast(task: Task) -> Array:
    """Fit, and forecast the test windows: equally likely quantiles ``(B, S, K, C)``.

    A number is told of relative to its window's last value, in units of the window's deviation. How many trees there
    are follows from the validation part, by each quantile's loss.
    """
    import lightgbm

    train, validation = _some(task, task.prepared.split.train, _ROWS), _some(
        task, task.prepared.split.validation, _VALIDATION_ROWS
    )  # fmt: skip
    test = _rows(task, task.origins)
    quantiles = []
    for level in _LEVELS:
        seen = lightgbm.Dataset(train.told, train.moved)
        held = lightgbm.Dataset(validation.told, validation.moved, reference=seen)
        stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
        settings = {**_SETTINGS, "alpha": level}
        model = lightgbm.train(settings, seen, _MOST_TREES, valid_sets=[held], callbacks=[stop])
        quantiles.append(np.asarray(model.predict(test.told)))
    levels = test.last + test.unit * np.sort(np.stack(quantiles, axis=1), axis=1).T  # (Q, n)
    shape = len(task.origins), len(task.horizons), len(task.prepared.spec.targets)
    return _between(levels).reshape(NUM_SAMPLES, *shape).transpose(1, 0, 2, 3)


def _between(quantiles: Array) -> Array:
    """Fill in quantiles ``(Q, n)`` to equally likely ones ``(S, n)``: lines against a normal distribution's."""
    known, wanted = norm.ppf(_LEVELS), norm.ppf((np.arange(NUM_SAMPLES) + 0.5) / NUM_SAMPLES)
    left = np.clip(np.searchsorted(known, wanted) - 1, 0, len(known) - 2)
    share = (wanted - known[left]) / (known[left + 1] - known[left])
    return quantiles[left] + share[:, None] * (quantiles[left + 1] - quantiles[left])


def _some(task: Task, origins: Origins, rows: int) -> Rows:
    """Tell of as many windows as make so many rows, drawn at random."""
    each = len(task.horizons) * len(task.prepared.spec.targets)
    count = min(len(origins), -(-rows // each))
    chosen = np.sort(np.random.default_rng(0).choice(len(origins), size=count, replace=False))
    return _rows(task, origins.take(chosen))


def _rows(task: Task, origins: Origins) -> Rows:
    """Tell of each window, horizon and target: lags, hours, horizon, and what is known ahead."""
    source, horizons = task.prepared.source, np.array(task.horizons)
    lookback = task.prepared.spec.base.lookback
    levels = history_at(source, origins, lookback)  # (B, L, C)
    past = np.log(levels) if task.log else levels
    future = futures_at(source, origins, task.horizons)
    ahead = np.log(future) if task.log else future
    last = past[:, -1:]  # (B, 1, C)
    unit = np.maximum(past.std(axis=1, keepdims=True), 1e-6 * np.abs(past).mean() + 1e-12)
    relative = (past - last) / unit
    shape = ahead.shape
    told: list[Any] = [np.broadcast_to(one, shape) for one in _by_season(task, relative, horizons)]
    told += [np.broadcast_to(relative[:, None, -1 - lag], shape) for lag in range(1, min(_LAST, lookback - 1) + 1)]
    told += [np.broadcast_to(one, shape) for one in (relative.mean(axis=1, keepdims=True), np.log(unit))]
    told += [np.broadcast_to(one[..., None], shape) for one in _of_hours(task, origins, horizons)]
    told += [np.broadcast_to(np.arange(shape[2]), shape)]
    told += [np.broadcast_to(one[..., None], shape) for one in _known(task, origins, horizons)]
    moved, ones = (ahead - last) / unit, np.ones(shape)
    start = np.zeros_like(last) if task.log else last
    flat = [np.asarray(one, dtype=np.float64).reshape(-1) for one in (moved, unit * ones, start * ones)]
    return Rows(np.stack([one.reshape(-1) for one in told], axis=1), *flat)


def _by_season(task: Task, relative: Array, horizons: npt.NDArray[np.int64]) -> list[Array]:
    """Return the values a day and a week before each horizon, and their means over the window: ``(B, K, C)``."""
    length, found = relative.shape[1], []
    for season in sorted({task.season, 7 * task.season}) if task.season > 1 else ():
        if season > length:
            continue
        at = length - 1 + horizons - season * -(-horizons // season)  # (K,)
        again = [relative[:, at - season * k] for k in range((length - season) // season + 1)]
        found += [again[0], np.mean(again, axis=0)]
    return found


def _of_hours(task: Task, origins: Origins, horizons: npt.NDArray[np.int64]) -> list[Array]:
    """Return the horizon, and the time of day and of the week that is forecast: ``(B, K)``."""
    source = task.prepared.source
    times = source.base.starts[source.offsets[origins.series] + origins.row]
    ahead = times[:, None] + horizons * source.spec.bar_seconds
    made = [np.broadcast_to(horizons, ahead.shape)]
    return [*made, ahead % _DAY, ahead % _WEEK] if source.spec.bar_seconds < _DAY else [*made, ahead % _WEEK]


def _known(task: Task, origins: Origins, horizons: npt.NDArray[np.int64]) -> list[Array]:
    """Return what is known of the bars that are forecast, ``(B, K)`` each."""
    if not task.prepared.spec.known:
        return []
    known = windows_at(task.prepared.source, origins).values[KNOWN][:, horizons - 1]  # (B, K, P)
    return list(np.moveaxis(known, -1, 0))


PEERS = {"LightGBM, quantiles": forecast}
