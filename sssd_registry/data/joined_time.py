"""Times whose parts stand in several columns: date and clock, date and hour, year and month and day."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sssd_registry.data.reading import source_name
from sssd_registry.data.timestamps import looks_like_clocks, looks_like_dates, plain
from sssd_registry.errors import SSSDError

_PARTS = {
    "year": ("year", "yyyy", "yr"),
    "month": ("month", "mm", "mon", "mo", "mnth"),
    "day": ("day", "dd", "dy", "dayofmonth"),
    "hour": ("hour", "hh", "hr"),
    "minute": ("minute", "min", "mi"),
}
_CLOCK_NAMES = ("time", "clock", "uhrzeit", "heure", "hora", "zeit", "timeofday", "hhmm", "hhmmss")
_HOUR_NAMES = ("hour", "hours", "hr", "he", "hourending", "deliveryhour", "stunde", "heure", "hora")
# Counted from 1 in each day: half hours of Great Britain's market, quarter hours of others.
_PERIOD_NAMES = ("settlementperiod", "period", "sp", "halfhour", "quarterhour", "mtu", "pte")


def join_time(frame: pd.DataFrame, time: str | None) -> tuple[pd.DataFrame, str]:
    """``frame`` with the parts of its time in one column, and a note; as it is and ``""`` where nothing is to join.

    The joined column stands where the date stood, under the name ``time`` if it is given, else the date's.
    """
    names = [str(name) for name in frame.columns]
    date = _date_column(frame, names, time)
    if date is None:
        return _from_parts(frame, names, time)
    repeated = bool(frame[date].duplicated().any())
    # A daily file may have the time of sunrise beside its dates: only a clock that tells rows apart belongs to them.
    clock = next(
        (
            name
            for name in names
            if name != date and (repeated or plain(name) in _CLOCK_NAMES) and _is_clock(frame[name])
        ),
        None,
    )
    if clock is not None:
        clocks = frame[clock]
        if not looks_like_clocks(clocks):
            digits = 6 if clocks.max() >= 2400 else 4
            texts = clocks.map(f"{{:0{digits}.0f}}".format)
            clocks = texts.str[:2] + ":" + texts.str[2:4] + (":" + texts.str[4:] if digits == 6 else "")
        joined = frame[date].astype("string").str.strip() + " " + clocks.astype("string").str.strip()
        return _replaced(frame, date, clock, joined.astype(object), time), f"{date} and {clock} joined"
    hour = next((name for name in names if name != date and plain(name) in _HOUR_NAMES and _is_hour(frame[name])), None)
    if hour is not None and repeated:
        hours = frame[hour].astype(int)
        texts = hours.map("{:02d}:00".format)
        joined = frame[date].astype("string").str.strip() + " " + texts
        ends = ": hours 1 to 24 are read as the time, 24 as midnight" if hours.max() == 24 else ""
        return _replaced(frame, date, hour, joined.astype(object), time), f"{date} and {hour} joined{ends}"
    period = next((name for name in names if name != date and plain(name) in _PERIOD_NAMES), None)
    begins = _clocks_of_periods(frame, date, period) if period is not None and repeated else None
    if period is not None and begins is not None:
        joined = frame[date].astype("string").str.strip() + " " + begins
        return _replaced(frame, date, period, joined.astype(object), time), f"{date} and {period} joined"
    return frame, ""


def _clocks_of_periods(frame: pd.DataFrame, date: str, period: str) -> pd.Series | None:
    """Return when each period begins: 48 half hours a day, or 96 quarter hours; None where they are no such periods.

    Raises:
        SSSDError: a day has two or four more or fewer of them, as where the clock is changed.
    """
    numbers = frame[period]
    if not pd.api.types.is_integer_dtype(numbers.dtype) or numbers.min() != 1:
        return None
    last = numbers.groupby(frame[date], sort=False).max()
    most = int(last.max())
    usual = next((usual for usual in (48, 96) if usual <= most <= usual + usual // 24), None)
    if usual is None:
        return None
    hour = usual // 24
    odd = last[(last == usual - hour) | (last == usual + hour)].drop(index=last.index[[0, -1]], errors="ignore")
    if len(odd):
        raise SSSDError(
            f"{source_name(frame)}: column {period!r}: {odd.index[0]} has {odd.iloc[0]} periods of {usual}: the"
            " clock is changed on that day; write when they begin in UTC into one column"
        )
    minutes = (numbers - 1) * (1440 // usual)
    return (minutes // 60).map("{:02d}".format) + ":" + (minutes % 60).map("{:02d}".format)


def _date_column(frame: pd.DataFrame, names: Sequence[str], time: str | None) -> str | None:
    """The column with dates and no clock; the named time column, when it is one."""
    dates = [name for name in names if _only_dates(frame[name])]
    if time in dates:
        return time
    if time in names and not looks_like_clocks(frame[time]):
        return None  # another column is the time, and complete
    # A day on which all was written comes after those that differ.
    dates.sort(key=lambda name: frame[name].nunique() == 1)
    preferred = [name for name in dates if "date" in plain(name) or plain(name) in ("datum", "fecha", "day")]
    preferred.sort(key=lambda name: frame[name].nunique() == 1)
    return next(iter([*preferred, *dates]), None)


def _only_dates(column: pd.Series) -> bool:
    head = column.head(50)
    if pd.api.types.is_integer_dtype(column.dtype):
        return (
            len(column) > 0
            and plain(str(column.name)) in ("date", "datum", "yyyymmdd", "day")
            and (bool(column.between(18000101, 22001231).all()))
        )
    return looks_like_dates(column) and not any(re.search(r"\d:\d|T\d|\d{8} ?\d{4}", str(entry)) for entry in head)


def _is_clock(column: pd.Series) -> bool:
    """Tell whether the entries are times of day: 09:30, or under such a name 930 and 93000."""
    if looks_like_clocks(column):
        return True
    if plain(str(column.name)) not in _CLOCK_NAMES or not pd.api.types.is_integer_dtype(column.dtype) or column.empty:
        return False
    return bool((column.between(0, 235959) & (column % 100 < 60)).all())


def _is_hour(column: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(column.dtype) and bool(column.between(0, 24).all())


def _from_parts(frame: pd.DataFrame, names: Sequence[str], time: str | None) -> tuple[pd.DataFrame, str]:
    """Year, month and, where they are there, day, hour and minute; only where no column is a time by itself."""
    as_it_is, found = frame, dict[str, str]()
    for part, aliases in _PARTS.items():
        match = next((name for name in names if plain(name) in aliases), None)
        if match is None and part == "month":
            frame, match = _months(frame, names)
        elif match is not None and part == "month":
            frame = frame.assign(**{match: _month_numbers(frame[match])})
        if match is None or not pd.api.types.is_integer_dtype(frame[match].dtype):
            break
        found[part] = match
    taken = time in names and time not in found.values()
    if len(found) < 2 or taken or not frame[found["year"]].between(1700, 2200).all():
        return as_it_is, ""
    if any(_complete(frame[name]) for name in names if name not in found.values()):
        return as_it_is, ""
    hours = frame[found["hour"]] if "hour" in found else 0
    minutes = frame[found["minute"]] if "minute" in found else 0
    pieces = pd.DataFrame({part: frame[found[part]] if part in found else 1 for part in ("year", "month", "day")})
    days = pd.to_datetime(pieces, errors="coerce")
    joined = days + pd.to_timedelta(np.asarray(hours), unit="h") + pd.to_timedelta(np.asarray(minutes), unit="min")
    if joined.isna().any():
        return as_it_is, ""
    first, *rest = found.values()
    return _replaced(frame, first, rest, joined, time or ("time" if "time" not in names else first)), (
        f"{', '.join(found.values())} joined"
    )


def _months(frame: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, str | None]:
    """The column of quarters, or of months as M01, with the numbers of their months; None where there is none."""
    for name in names:
        texts = frame[name].astype("string").str.strip().str.upper()
        if plain(name) in ("quarter", "qtr", "quartal", "q", "period", "qtrs"):
            months = texts.str.extract(r"^M(0[1-9]|1[0-2])$")[0].astype("Int64")
            quarters = texts.str.extract(r"^Q?0?([1-4])(?:\.0)?$")[0].astype("Int64") * 3 - 2
            for numbers in (months, quarters):
                if numbers.notna().all():
                    return frame.assign(**{name: numbers.astype("int64")}), name
    return frame, None


def _month_numbers(column: pd.Series) -> pd.Series:
    """1 to 12 for the names of months; the column as it is where they are none."""
    if pd.api.types.is_numeric_dtype(column.dtype) or not all(isinstance(entry, str) for entry in column):
        return column
    short = column.str.strip().str[:3].str.title()
    numbers = pd.to_datetime(short, format="%b", errors="coerce").dt.month
    return numbers.astype("int64") if numbers.notna().all() else column


def _complete(column: pd.Series) -> bool:
    dated = isinstance(column.dtype, pd.DatetimeTZDtype | pd.PeriodDtype) or looks_like_dates(column)
    stamped = isinstance(column.dtype, np.dtype) and column.dtype.kind == "M"
    return dated or stamped


def _replaced(
    frame: pd.DataFrame, date: str, rest: str | Sequence[str], joined: pd.Series, time: str | None
) -> pd.DataFrame:
    gone = [rest] if isinstance(rest, str) else list(rest)
    frame = frame.assign(**{date: joined}).drop(columns=gone)
    return frame.rename(columns={date: time}) if time is not None and time != date else frame
