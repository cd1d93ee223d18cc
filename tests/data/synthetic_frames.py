"""Frames as users have them, made up: minutes of a currency, its hours with weekend gaps, business days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.spec import DataSpec, Timeframe, resolve


def ohlcv(times: pd.DatetimeIndex, seed: int = 0) -> pd.DataFrame:
    """A random walk as OHLCV rows at ``times``."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, len(times))))
    spread = close[:, None] * random.uniform(0, 1e-3, (len(times), 2))
    columns = {"open": close + spread[:, 0] - spread[:, 1], "high": close + 2 * spread.sum(1)}
    columns |= {"low": close - 2 * spread.sum(1), "close": close}
    return pd.DataFrame({"time": times, **columns, "volume": random.integers(1, 99, len(times)).astype(float)})


def currency_open(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Those of ``times`` between Sunday 22:00 and Friday 22:00 UTC."""
    hour = times.day_of_week * 24 + times.hour
    return times[(hour < 4 * 24 + 22) | (hour >= 6 * 24 + 22)]


def currency_hours(weeks: int = 20) -> pd.DataFrame:
    """Hourly rows with weekend gaps."""
    return ohlcv(currency_open(pd.date_range("2024-01-01", periods=weeks * 168, freq="h", tz="UTC")))


def currency_minutes(days: int = 14) -> pd.DataFrame:
    """Rows of a minute, a few of them missing at random."""
    times = currency_open(pd.date_range("2024-01-01", periods=days * 1440, freq="min", tz="UTC"))
    return ohlcv(times[np.random.default_rng(1).random(len(times)) < 0.998])


def business_days(count: int = 1500) -> pd.DataFrame:
    """Two plain columns on business days."""
    values = np.random.default_rng(2).normal(size=(count, 2)).cumsum(axis=0)
    times = pd.bdate_range("2015-01-01", periods=count)
    return pd.DataFrame({"date": times, "gbp": values[:, 0], "jpy": values[:, 1]})


def make_spec(lookbacks: dict[tuple[str, int], int], **changes: object) -> DataSpec:
    """A spec for :func:`ohlcv` frames; ``lookbacks`` maps (name, seconds) to bars, finest first."""
    timeframes = tuple(Timeframe(name, seconds, bars) for (name, seconds), bars in lookbacks.items())
    bar = timeframes[0].seconds
    fields: dict[str, object] = {
        "time": "time",
        "id": None,
        "columns": ("open", "high", "low", "close", "volume"),
        "roles": ("open", "high", "low", "close", "volume"),
        "targets": ("close",),
        "target_kind": "level",
        "timestamps": "start",
        "source_seconds": bar,
        "bar_seconds": bar,
        "timeframes": timeframes,
        "horizons": (1, 2),
        "periods": (),
        "season": 1,
        "validation_fraction": 0.15,
        "test_fraction": 0.15,
    }
    return DataSpec.model_validate(fields | changes)


def resolved(config: DataConfig, data: pd.DataFrame | Path) -> DataSpec:
    """Settle what a configuration leaves open, from raw data."""
    return resolve(config, read_frame(data, config))
