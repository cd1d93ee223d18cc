"""The seven tasks: data, split and test windows, each as it is usually scored.

Everything a forecaster may look at ends at a window's origin; what is fitted is fitted before ``test_row``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from seasonal_tasks import bike, m4_hourly, vic_elec
from task import Task as Task
from task import describe as describe

from sssd_registry.config import DataConfig


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
    return Task("eurusd", frame, data, rows, first, 24, 1, ("bp", 1e4), True, tuple(range(1, 25)))


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
    return Task("gbpusd", frame, data, rows, first, 1, 5, ("bp", 1e4), True, tuple(range(15, 241, 15)))


TASKS: dict[str, Callable[[Path], Task]] = {
    "exchange_rate": exchange_rate,
    "etth1": etth1,
    "eurusd": eurusd,
    "gbpusd": gbpusd,
    "m4_hourly": m4_hourly,
    "bike": bike,
    "vic_elec": vic_elec,
}
