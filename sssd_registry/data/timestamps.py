"""Which column is the time, and what its entries mean."""

from __future__ import annotations

import re
import warnings
from typing import Literal

import numpy as np
import pandas as pd

from sssd_registry.errors import SSSDError, near_matches

_NAMES = ("time", "timestamp", "datetime", "date", "ds", "gmttime", "opentime", "utc", "day")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_CLOCK = re.compile(r"\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*")
# Upper limits of the magnitude of epochs in each unit; seconds below 1e8 would be before March 1973.
_EPOCHS: tuple[tuple[float, Literal["s", "ms", "us", "ns"]], ...] = (
    (1e11, "s"),
    (1e14, "ms"),
    (1e17, "us"),
    (np.inf, "ns"),
)


def plain(name: str) -> str:
    """``name`` without case and punctuation: ``Gmt time`` -> ``gmttime``, ``<TICK_VOL>`` -> ``tickvol``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find_time_column(frame: pd.DataFrame, time: str | None, where: str) -> str:
    """Name of the time column: ``time`` if given, else by name, by dtype, or the first with dates in it.

    Raises:
        SSSDError: there is none.
    """
    names = [str(name) for name in frame.columns]
    if time is not None:
        if time in names:
            return time
        raise SSSDError(
            f"{where}: no time column {time!r} among {', '.join(names)}; {near_matches(time, names)}"
            " Name it: --set data.time=NAME"
        )
    named = [name for wanted in _NAMES for name in names if plain(name) == wanted]
    typed = [
        name
        for name in names
        if isinstance(frame[name].dtype, np.dtype | pd.DatetimeTZDtype) and frame[name].dtype.kind == "M"
    ]
    for name in [*(n for n in named if not _looks_like(frame[n], _CLOCK)), *typed, *names]:
        if name in named or name in typed or _looks_like(frame[name], _DATE):
            return name
    raise SSSDError(f"{where}: no time column among {', '.join(names)}; name it: --set data.time=NAME")


def looks_like_dates(column: pd.Series) -> bool:
    """Whether the first entries are texts that begin with a date."""
    return _looks_like(column, _DATE)


def _looks_like(column: pd.Series, pattern: re.Pattern[str]) -> bool:
    head = column.head(50)
    return len(head) > 0 and all(isinstance(entry, str) and pattern.match(entry) is not None for entry in head)


def parse_times(column: pd.Series, where: str) -> pd.Series:
    """``column`` as ``datetime64[ns, UTC]``: texts, timestamps (naive ones are taken as UTC) or epochs.

    Raises:
        SSSDError: an entry is not a timestamp; names column, row (1 is the first row of data) and entry.
    """
    if _looks_like(column, _CLOCK):
        raise SSSDError(
            f"{where}: column {column.name!r} holds times of day without dates, such as {column.iloc[0]!r};"
            " join date and time into one column, or name another: --set data.time=NAME"
        )
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        times = _from_numbers(column, where)
    else:
        times = _from_texts(column)
    bad = np.flatnonzero(times.isna().to_numpy())
    if len(bad):
        entry = column.iloc[bad[0]]
        what = "is empty" if pd.isna(entry) else f"{str(entry)!r} is not a timestamp"
        raise SSSDError(
            f"{where}: column {column.name!r}, row {bad[0] + 1}: {what};"
            " expected dates such as 2024-01-31 13:00, or epochs"
        )
    return times.astype("datetime64[ns, UTC]")


def _from_texts(column: pd.Series) -> pd.Series:
    """The reading that leaves the fewest entries unread: ISO, month first, or day first (as 31.01.2024)."""
    head = next((entry for entry in column if isinstance(entry, str)), "")
    dotted = re.match(r"\s*\d{1,2}\.\d{1,2}\.\d{2,4}", head) is not None
    readings: list[pd.Series] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas' remarks on formats that it had to guess
        for format, dayfirst in (("ISO8601", False), (None, dotted), (None, not dotted)):
            reading = pd.to_datetime(column, utc=True, errors="coerce", format=format, dayfirst=dayfirst)
            if not reading.isna().any():
                return reading
            readings.append(reading)
    return min(readings, key=lambda reading: int(reading.isna().sum()))


def _from_numbers(column: pd.Series, where: str) -> pd.Series:
    numbers = column.astype("float64")
    size = float(numbers[np.isfinite(numbers)].abs().max())
    if size >= 1e8:
        unit = next(unit for limit, unit in _EPOCHS if size < limit)
        return pd.to_datetime(column.where(np.isfinite(numbers)), unit=unit, utc=True, errors="coerce")
    dates = pd.to_datetime(numbers.map("{:.0f}".format), format="%Y%m%d", utc=True, errors="coerce")
    if dates.isna().all():
        raise SSSDError(
            f"{where}: column {column.name!r} holds numbers such as {column.iloc[0]}, which are neither dates"
            " (20240131) nor seconds, milliseconds, microseconds or nanoseconds since 1970;"
            " name another time column: --set data.time=NAME"
        )
    return dates
