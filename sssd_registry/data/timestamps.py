"""Which column is the time, and what its entries mean."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

import numpy as np
import pandas as pd

from sssd_registry.data.date_formats import CLOCK, is_date
from sssd_registry.data.dates import Dates, read_dates, to_utc
from sssd_registry.data.number_times import times_from_numbers
from sssd_registry.data.reading import Reading, ReadSettings, near_some, row_name, source_name
from sssd_registry.data.written_times import zone_of
from sssd_registry.data.zones import zone_in_name
from sssd_registry.errors import SSSDError, shortened, some

_NAMES = (
    "time", "timestamp", "datetime", "date", "ds", "gmttime", "localtime", "opentime", "datum", "utc", "day",
    "month", "year", "unix", "epoch", "timeperiod", "period", "week", "quarter",
)  # fmt: skip
# May be parts of a date, or features of it: a column of dates comes first.
_PARTS = ("day", "month", "year", "week", "quarter", "period")
_HEAD = 50
_YEARS = (1678, 2261)  # what nanoseconds in 64 bits reach


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
        near = near_some(time, names)
        hint = near if near.startswith("did you mean") else "name it: --set data.time=NAME"
        raise SSSDError(f"{where}: no time column {time!r} among {some(names)}; {hint}")
    plain_names = [(name, {plain(name), _with_zone(name)}) for name in names]
    named = [name for wanted in _NAMES for name, forms in plain_names if wanted in forms]
    typed = [
        name
        for name in names
        if isinstance(frame[name].dtype, pd.PeriodDtype)
        or (isinstance(frame[name].dtype, np.dtype | pd.DatetimeTZDtype) and frame[name].dtype.kind == "M")
    ]
    usable = [name for name in named if not looks_like_clocks(frame[name])]
    dated = [name for name in usable if name in typed or looks_like_dates(frame[name]) or _epochs(frame[name])]
    strong = [name for name in usable if plain(name) not in _PARTS]
    found = [
        name
        for name in [*dated, *strong, *typed, *names]
        if name in dated or name in strong or name in typed or looks_like_dates(frame[name])
    ]
    # The day on which a file was written is in all of its rows.
    for name in [*(name for name in found if _varies(frame[name])), *found]:
        return name
    if usable:
        return usable[0]
    steps = [name for name in names if is_date(name) or re.fullmatch(r"[A-Za-z]{1,5}[_ ]?\d+|\d{4}", name)]
    if len(steps) >= 8 and len(steps) > 0.5 * len(names):
        raise SSSDError(
            f"{where}: no time column: columns are times ({some(steps, 2)}), and each row is a series; turn it into one"
            " row for each value, with the columns unique_id, ds and y (melt in pandas)"
        )
    raise SSSDError(f"{where}: no time column among {some(names)}; name it: --set data.time=NAME")


def _varies(column: pd.Series) -> bool:
    try:
        return bool(column.nunique() > 1)
    except TypeError:  # lists
        return True


def looks_like_dates(column: pd.Series) -> bool:
    """Whether the first entries are texts with dates."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    head = column.head(_HEAD)
    if len(head) and all(isinstance(entry, datetime.date) for entry in head):
        return True
    return (
        len(head) > 0
        and all(isinstance(entry, str) for entry in head)
        and is_date(head.iloc[0])
        and (sum(map(is_date, head)) > 0.5 * len(head))
    )


def looks_like_clocks(column: pd.Series) -> bool:
    """Whether the first entries are times of day without a date."""
    head = column.head(_HEAD)
    return len(head) > 0 and all(isinstance(entry, str) and CLOCK.fullmatch(entry) is not None for entry in head)


def _with_zone(name: str) -> str:
    """``Time (EET)`` -> ``time``."""
    return plain(re.sub(r"\s*[(\[_ ](?:utc|(?:UTC|GMT)[-+−:\d]*|[A-Z]{2,4}(?:/[A-Z][A-Za-z_]+)*)[)\]]?$", "", name))


def _epochs(column: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    return numeric and len(column) > 0 and float(column.abs().max()) >= 1e5


def parse_times(
    frame: pd.DataFrame, name: str, settings: ReadSettings, groups: pd.Series | None, reading: Reading
) -> tuple[pd.Series, Reading]:
    """Column ``name`` as ``datetime64[ns, UTC]``: texts, timestamps, epochs, compact dates, years or steps.

    Returns:
        the times, and ``reading`` with what was understood of them.

    Raises:
        SSSDError: an entry is not a timestamp, with its column and row; or nothing says in which order dates
            stand, in which zone they are, or how long a step is.
    """
    column, where = frame[name], source_name(frame)
    if settings.timezone is None and (said := zone_in_name(name, where)) is not None:
        settings = replace(settings, timezone=said)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.dtype.categories.dtype)
    if looks_like_clocks(column):
        raise SSSDError(
            f"{where}: column {name!r} holds times of day without dates, such as {column.iloc[0]!r}; name the column"
            " with the dates: --set data.time=NAME"
        )
    if pd.api.types.is_bool_dtype(column.dtype) or (isinstance(column.dtype, np.dtype) and column.dtype.kind in "mc"):
        raise SSSDError(f"{where}: column {name!r} holds no dates ({column.dtype}); name another: --set data.time=NAME")
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    zone = settings.timezone
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        zone = zone or zone_of(column.dt.tz)
        times, local = column.where(column.dt.year.between(*_YEARS)).dt.tz_convert("UTC"), False
    elif isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        column = column.where(column.dt.year.between(*_YEARS)).astype("datetime64[ns]")
        times, local = to_utc(column, settings.timezone, groups, where), True
    elif (numbers := _as_numbers(column)) is not None:
        times, note, step = times_from_numbers(numbers, frame, settings, groups)
        reading, local = reading.and_note(*([note] if note else []), step_length=step or reading.step_length), False
    else:
        dates = read_dates(column, settings.date_order, settings.timezone, groups, where)
        _check_plain(frame, name, dates)
        times, local = dates.times, dates.local
        zone = zone if local else zone or zone_of(times.dt.tz)
        reading = reading.and_note(*([dates.note] if dates.note else []), date_order=dates.order)
    _check_all(frame, name, times)
    if settings.timezone and local:
        reading = reading.and_note(f"times without a zone are {settings.timezone}")
    utc = times.astype("datetime64[ns, UTC]")
    dates_alone = zone == settings.timezone and bool((utc == utc.dt.normalize()).all())
    return utc, replace(reading, zone=None if dates_alone else zone)


def _as_numbers(column: pd.Series) -> pd.Series | None:
    """Numbers, or texts of digits only, such as compact dates that were read as texts."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    head = column.dropna().head(_HEAD)
    if len(head) and all(isinstance(entry, str) and re.fullmatch(r"\s*\d+(\.0*)?\s*", entry) for entry in head):
        numbers = pd.to_numeric(column, errors="coerce")
        return numbers if numbers.notna().equals(column.notna()) else None
    return None


def _check_plain(frame: pd.DataFrame, name: str, dates: Dates) -> None:
    where = source_name(frame)
    if dates.zone is not None:
        if not dates.zone:
            raise SSSDError(
                f"{where}: column {name!r}: some times have a zone and some have none; say which zone those without"
                " are in: --set data.timezone=UTC, or another such as Europe/Berlin"
            )
        raise SSSDError(
            f"{where}: column {name!r}: {str(frame[name].iloc[0])!r}: {dates.zone!r} does not say how far from UTC;"
            f" name the zone: --set data.timezone={dates.zone if '/' in dates.zone else 'Area/City'},"
            " such as America/New_York"
        )
    if not dates.even:
        raise SSSDError(
            f"{where}: column {name!r}: dates such as {str(frame[name].iloc[0])!r} may begin with the day or with the"
            " month, and have even steps either way; say which: --set data.date_order=dmy, or mdy"
            " (ymd where the year is first)"
        )


def _check_all(frame: pd.DataFrame, name: str, times: pd.Series) -> None:
    bad = np.flatnonzero(times.isna().to_numpy())
    if len(bad):
        entry = frame[name].iloc[bad[0]]
        what = "is empty" if pd.isna(entry) else f"{shortened(entry)!r} is not a timestamp"
        raise SSSDError(
            f"{source_name(frame)}: column {name!r}, {row_name(frame, int(bad[0]))}: {what};"
            " expected dates such as 2024-01-31 13:00, or epochs; correct it, or drop the row"
        )
