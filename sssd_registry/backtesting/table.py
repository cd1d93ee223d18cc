"""Tables of a backtest: a row for each forecast with its quantiles and what came to be, and a row for each path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.written_times import in_zone
from sssd_registry.forecast import LEVELS

Array = npt.NDArray[np.float64]
PEERS = ("model", "random walk", "seasonal naive")


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of B series from one origin, by several forecasters, with what came to be.

    Attributes:
        samples: by forecaster, ``(B, S, K, C)``.
        y: what came to be, ``(B, K, C)``; NaN where nothing is known.
        origin: the last known values, ``(B, C)``; 0 for log-returns.
        series: object ``(B,)``, ids.
        origin_times: ``datetime64[ns] (B,)``.
        times: ``datetime64[ns] (B, K)``, of the bars that came, or where none did, of those that were to come.
    """

    samples: dict[str, Array]
    y: Array
    origin: Array
    series: npt.NDArray[np.object_]
    origin_times: npt.NDArray[np.datetime64]
    times: npt.NDArray[np.datetime64]


def windows_table(made: Forecasts, fold: int, spec: DataSpec, zone: str | None) -> pd.DataFrame:
    """A row for each (forecaster, series, horizon, target), in that order.

    Columns: ``fold``, ``forecaster``, ``series``, ``origin``, ``horizon``, ``time``, ``target``, ``last`` (the value at
    the origin), ``actual``, ``mean``, and the quantiles by their levels.
    """
    frames = []
    for name, samples in made.samples.items():
        frame = _keys(made, fold, name, spec, zone)
        frame["last"] = np.repeat(made.origin[:, None], len(spec.horizons), axis=1).ravel()
        frame["actual"] = made.y.ravel()
        frame["mean"] = samples.mean(axis=1).ravel()
        for level, values in zip(LEVELS, np.quantile(samples, LEVELS, axis=1), strict=True):
            frame[f"{level:g}"] = values.ravel()
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def paths_table(made: Forecasts, fold: int, spec: DataSpec, zone: str | None) -> pd.DataFrame:
    """A row for each (forecaster, series, sample, horizon, target), in that order, with its ``value``."""
    frames = []
    for name, samples in made.samples.items():
        keys = _keys(made, fold, name, spec, zone)
        windows, count = samples.shape[:2]
        each = np.arange(len(keys)).reshape(windows, 1, -1)
        index = np.broadcast_to(each, (windows, count, each.shape[2])).ravel()
        frame = keys.take(index).reset_index(drop=True)
        number = np.repeat(np.tile(np.arange(count), windows), each.shape[2])
        frame.insert(list(frame).index("origin") + 1, "sample", number)
        frames.append(frame.assign(value=samples.ravel()))
    return pd.concat(frames, ignore_index=True)


def _keys(made: Forecasts, fold: int, name: str, spec: DataSpec, zone: str | None) -> pd.DataFrame:
    (windows, horizons), targets = made.times.shape, len(spec.targets)
    return pd.DataFrame(
        {
            "fold": fold,
            "forecaster": name,
            "series": np.repeat(made.series, horizons * targets),
            "origin": in_zone(np.repeat(made.origin_times, horizons * targets), zone),
            "horizon": np.tile(np.repeat(np.asarray(spec.horizons), targets), windows),
            "time": in_zone(np.repeat(made.times.ravel(), targets), zone),
            "target": np.tile(np.array(spec.targets, dtype=object), windows * horizons),
        }
    )
