"""The four tasks: data, split and test windows, each as it is usually scored.

Everything a forecaster may look at ends at a window's origin; what is fitted is fitted before ``test_row``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.config import DataConfig
from sssd_registry.data.windows import Origins, futures_at
from sssd_registry.model.batches import TrainingData, training_data

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """One data set and how it is scored.

    Attributes:
        name: as on the command line.
        frame: what ``sssd train`` would read.
        data: the ``[data]`` section.
        origin_rows: row of the last known bar of each test window, in every series.
        fit_rows: rows of a series that peers without early stopping are fitted on.
        season: bars in a season, 1 for none.
        every: peers look at every so many-th bar, counted back from the origin.
        unit: of CRPS, and what a score is multiplied by to be in it.
        mirror: whether rises and falls are alike.
    """

    name: str
    frame: pd.DataFrame
    data: DataConfig
    origin_rows: npt.NDArray[np.int64]
    fit_rows: int
    season: int
    every: int
    unit: tuple[str, float]
    mirror: bool

    @cached_property
    def prepared(self) -> TrainingData:
        """Read and split as ``sssd train`` does."""
        return training_data(self.frame, self.data)

    @property
    def horizons(self) -> tuple[int, ...]:
        return self.prepared.spec.horizons

    @property
    def log(self) -> bool:
        """Tell whether forecasts are of log-returns."""
        return self.prepared.spec.target_kind == "log-return"

    @cached_property
    def origins(self) -> Origins:
        """The test windows, window after window, its series together."""
        series = len(self.prepared.source.lengths)
        return Origins(np.tile(np.arange(series), len(self.origin_rows)), np.repeat(self.origin_rows, series))

    def history(self, origin: int) -> Array:
        """Levels of the target up to and including the origin's bar, ``(n, C)``; origin counts ``origins``."""
        source = self.prepared.source
        series, row = self.origins.series[origin], self.origins.row[origin]
        start = source.offsets[series]
        levels = source.base.values[start : start + row + 1][:, list(self.prepared.spec.target_indices)]
        return np.asarray(levels)

    def observed(self, origins: Origins | None = None) -> Array:
        """Return the observed values as they are scored: float64 ``(B, K, C)``."""
        at = self.origins if origins is None else origins
        future = futures_at(self.prepared.source, at, self.horizons)
        return self.scored(future, futures_at(self.prepared.source, at, (0,))[:, 0])

    def scored(self, levels: Array, last: Array) -> Array:
        """Levels ``(B, …, C)`` as they are scored, given the last known ones ``(B, C)``."""
        if not self.log:
            return levels
        shape = (len(last), *(1,) * (levels.ndim - 2), last.shape[-1])
        return np.asarray(np.log(levels / last.reshape(shape)))


def exchange_rate(path: Path) -> Task:
    """Eight daily rates, 30 days: GluonTS's split, and 50 windows from the same row on."""
    values = np.loadtxt(path, delimiter=",")
    times = pd.bdate_range("1990-01-01", periods=len(values))
    parts = [pd.DataFrame({"time": times, "id": f"rate{k}", "value": values[:, k]}) for k in range(values.shape[1])]
    first = 6071
    data = DataConfig(
        id="id",
        horizons=tuple(range(1, 31)),
        timeframes={"1D": 250},
        validation_fraction=0.12,
        test_fraction=(len(values) - first) / len(values),
    )
    rows = first - 1 + 30 * np.arange(50)
    return Task("exchange_rate", pd.concat(parts, ignore_index=True), data, rows, first, 5, 1, ("level", 1.0), True)


def etth1(path: Path) -> Task:
    """Seven hourly channels, 24 hours; 12, 4 and 4 months of 30 days; z-scored by the training part."""
    frame = pd.read_csv(path).iloc[:14_400]
    columns = list(frame.columns[1:])
    train = frame.iloc[:8640][columns]
    frame[columns] = (frame[columns] - train.mean()) / train.std(ddof=0)
    frame = frame.rename(columns={frame.columns[0]: "time"})
    data = DataConfig(
        targets="all",
        horizons=tuple(range(1, 25)),
        timeframes={"1h": 168},
        validation_fraction=0.2,
        test_fraction=0.2,
    )
    rows = 11_519 + 24 * np.arange(120)
    return Task("etth1", frame, data, rows, 8640, 24, 1, ("z", 1.0), False)


def eurusd(path: Path) -> Task:
    """Hourly bars: 1, 4 and 24 hours, from every hour of the last 15 % of the rows."""
    frame = pd.read_csv(path)
    frame.columns = ["time", *(name.lower() for name in frame.columns[1:])]
    data = DataConfig(
        horizons=(1, 4, 24), timeframes={"1h": 240, "4h": 120}, targets=("close",), target_kind="log-return"
    )
    first = round(0.85 * len(frame))
    rows = np.arange(first, len(frame) - 24)
    return Task("eurusd", frame, data, rows, first, 24, 1, ("bp", 1e4), True)


def gbpusd(path: Path) -> Task:
    """One-minute bars below views of 5, 15, 60 and 240 minutes: 15, 60 and 240 minutes, every 15 minutes."""
    frame = pd.read_csv(path).rename(columns={"timestamp": "time"})
    data = DataConfig(
        horizons=(15, 60, 240),
        timeframes={"1min": 960, "5min": 288, "15min": 96, "1h": 48, "4h": 24},
        targets=("close",),
        target_kind="log-return",
    )
    first = round(0.85 * len(frame))
    rows = np.arange(first, len(frame) - 240, 15)
    return Task("gbpusd", frame, data, rows, first, 1, 5, ("bp", 1e4), True)


TASKS: dict[str, Callable[[Path], Task]] = {
    "exchange_rate": exchange_rate,
    "etth1": etth1,
    "eurusd": eurusd,
    "gbpusd": gbpusd,
}


def describe(task: Task) -> dict[str, Any]:
    """Describe the data, as far as a reader of the results has to know them."""
    split = task.prepared.split
    return {
        "windows": len(task.origin_rows),
        "stride": int(np.diff(task.origin_rows).min()),
        "series": len(task.prepared.source.lengths),
        "targets": len(task.prepared.spec.targets),
        "training windows": len(split.train),
        "validation windows": len(split.validation),
    }
