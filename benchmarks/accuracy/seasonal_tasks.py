"""Three tasks with daily and weekly seasons: many short series, counts, and two years of half hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from task import Task

from sssd_registry.config import DataConfig


def m4_hourly(path: Path) -> Task:
    """The 414 hourly series of the M4 competition, its own last 48 hours; ``path`` is the file of the training parts.

    That of the test parts lies beside it, ``test`` for ``train`` in its name. When a series begins is not told: all
    end at the same hour here, and hours of the day mean nothing from one to another.
    """
    files = [path, path.with_name(path.name.replace("train", "test"))]
    tables = [pd.read_csv(file, index_col=0) for file in files]
    end, parts = pd.Timestamp("2020-01-01"), []
    for name in tables[0].index:
        values = np.concatenate([table.loc[name].dropna().to_numpy(np.float64) for table in tables])
        times = pd.date_range(end=end, periods=len(values), freq="h")
        parts.append(pd.DataFrame({"time": times, "id": name, "value": values}))
    frame, ahead = pd.concat(parts, ignore_index=True), tables[1].shape[1]
    longest = max(len(part) for part in parts)
    # Of all rows, 48 bars of every series are the test part, from the origin on; half as many windows to choose by.
    test = len(parts) * (ahead + 1) / len(frame)
    data = DataConfig(
        id="id",
        horizons=tuple(range(1, ahead + 1)),
        timeframes={"1h": 168},
        validation_fraction=len(parts) * 96 / len(frame),
        test_fraction=test,
    )
    return Task("m4_hourly", frame, data, np.array([-ahead - 1]), longest - ahead, 24, 1, ("level", 1.0), False)


def bike(path: Path) -> Task:
    """Hourly rentals of bicycles: the next 24 hours, once a day over the last 15 %; weather and holidays known ahead.

    The weather of the hours that are forecast is the observed one, which no one has in time: as it is usually scored.
    """
    frame = pd.read_csv(path)
    frame["time"] = pd.to_datetime(frame["dteday"]) + pd.to_timedelta(frame["hr"], unit="h")
    columns = ["cnt", "temp", "hum", "windspeed", "weathersit", "holiday", "workingday"]
    frame = frame[["time", *columns]].astype(dict.fromkeys(columns, np.float64))
    data = DataConfig(targets=("cnt",), known=tuple(columns[1:]), horizons=tuple(range(1, 25)), timeframes={"1h": 168})
    first = round(0.85 * len(frame))
    return Task("bike", frame, data, np.arange(first, len(frame) - 24, 24), first, 24, 1, ("level", 1.0), False)


def vic_elec(path: Path) -> Task:
    """Half-hourly demand for electricity: the next day, once a day over the third year.

    The holiday and the observed temperature of the half hours that are forecast are known ahead.
    """
    frame = pd.read_csv(path).rename(columns={"Time": "time"})
    frame["Holiday"] = frame["Holiday"].astype(np.float64)
    frame = frame[["time", "Demand", "Temperature", "Holiday"]]
    first = int((pd.to_datetime(frame["time"]) < "2013-12-31 13:00").sum())  # the year begins in Melbourne
    data = DataConfig(
        targets=("Demand",),
        known=("Temperature", "Holiday"),
        horizons=tuple(range(1, 49)),
        timeframes={"30min": 336},
        validation_fraction=0.15,
        test_fraction=(len(frame) - first) / len(frame),
    )
    rows = np.arange(first - 1, len(frame) - 48, 48)
    return Task("vic_elec", frame, data, rows, first, 48, 1, ("MW", 1.0), False)
