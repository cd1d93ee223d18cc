"""Numbers that are times: epochs, compact dates, years, or steps that are counted."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from sssd_registry.data.durations import parse_length
from sssd_registry.data.evenness import evenness
from sssd_registry.data.reading import ReadSettings, source_name
from sssd_registry.data.year_parts import times_in_years
from sssd_registry.errors import SSSDError

# Nanoseconds of one unit, and up to which magnitude epochs count it. Seconds below 1e8 are before March 1973.
_EPOCHS = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (np.inf, 1))
_SMALLEST_EPOCH = 1e8
# Seconds to which a spreadsheet rounds epochs of thirteen digits that it shows with seven.
_ROUNDED = 1000
_SOME = 5  # so many are not all round by chance
_COMPACT = {
    5: ("%y%m%d",),
    6: ("%Y%m", "%y%m%d"),
    8: ("%Y%m%d",),
    10: ("%Y%m%d%H",),
    12: ("%Y%m%d%H%M",),
    14: ("%Y%m%d%H%M%S",),
}
_WORDS = {"%Y%m": "YYYYMM", "%y%m%d": "YYMMDD", "%Y%m%d": "YYYYMMDD", "%Y%m%d%H": "YYYYMMDDHH",
          "%Y%m%d%H%M": "YYYYMMDDHHMM", "%Y%m%d%H%M%S": "YYYYMMDDHHMMSS"}  # fmt: skip
_SPREADSHEET = (20_000, 80_000)  # days from 1954 to 2119; who counts steps does not begin there
_M4 = {"H": "1h", "D": "1d", "W": "1w", "M": "1mo", "Q": "1q", "Y": "1y"}


def times_from_numbers(
    column: pd.Series, frame: pd.DataFrame, settings: ReadSettings, groups: pd.Series | None
) -> tuple[pd.Series, str, str | None]:
    """UTC times (NaT where there is none), how they were read, and the length of a step where steps are counted.

    Raises:
        SSSDError: the numbers are no times, or nothing says how long a step is.
    """
    numbers = column.astype("float64")
    finite = numbers[np.isfinite(numbers)]
    if finite.empty:
        return pd.Series(pd.NaT, index=column.index).dt.tz_localize("UTC"), "", None
    if (compact := _compact(numbers, finite)) is not None:
        return *compact, None
    if finite.abs().max() >= _SMALLEST_EPOCH:
        return _epochs(column, numbers, source_name(frame)), "", None
    if _are_years(finite, str(column.name)):
        texts = numbers.where(np.isfinite(numbers)).map("{:04.0f}".format)
        return pd.to_datetime(texts, format="%Y", utc=True, errors="coerce"), "dates are years", None
    if (in_years := times_in_years(numbers)) is not None:
        return *in_years, None
    if settings.step_length is None and (weeks := _weeks(numbers)) is not None:
        return weeks, "dates are years and weeks of ISO 8601", None
    if finite.between(*_SPREADSHEET).all() and settings.step_length is None:
        seconds = ((numbers - 25_569) * 86_400).round()  # their day 25569 is 1970-01-01
        return pd.to_datetime(seconds, unit="s", utc=True), "dates are days as spreadsheets count them", None
    return _steps(column, numbers, finite, frame, settings, groups)


def _epochs(column: pd.Series, numbers: pd.Series, where: str) -> pd.Series:
    """Each entry in its own unit: files joined over the years may change it."""
    nanoseconds = np.zeros(len(column), dtype=np.int64)
    size, below = numbers.abs().to_numpy(), 0.0
    for limit, unit in _EPOCHS:
        here = (size >= below) & (size < limit)
        if here.any():
            part = column[here]
            exact = pd.api.types.is_integer_dtype(part.dtype)
            scaled = part.astype("int64") * unit if exact else (part.astype("float64") * unit).round().astype("int64")
            nanoseconds[here] = scaled.to_numpy()
        below = limit
    seconds = nanoseconds[np.isfinite(size)] // 10**9
    if len(seconds) >= _SOME and not (seconds % _ROUNDED).any() and (seconds % 60).any():
        raise SSSDError(
            f"{where}: column {str(column.name)!r}: times are rounded to {_ROUNDED:,} seconds, as 1.672618E+12 is;"
            " write the numbers in full"
        )
    times = pd.Series(pd.to_datetime(nanoseconds, unit="ns", utc=True), index=column.index)
    return times.where(np.isfinite(numbers) & (size < 9.2e18))


def _compact(numbers: pd.Series, finite: pd.Series) -> tuple[pd.Series, str] | None:
    """Dates written as one number, where nearly all are: few numbers are dates of a calendar by chance."""
    if (finite != finite.round()).any() or (finite <= 0).any():
        return None
    digits = len(f"{finite.median():.0f}")
    if digits not in _COMPACT:
        return None
    # Of years before 2010, two digits have lost their zero.
    texts = numbers.where(np.isfinite(numbers)).map(("{:06.0f}" if digits == 5 else "{:.0f}").format)
    earliest = 1900 if digits == 10 else 1700  # epochs of 2023 look like hours of the year 1700
    found: list[tuple[pd.Series, str]] = []
    for format in _COMPACT[digits]:
        times = pd.to_datetime(texts, format=format, utc=True, errors="coerce")
        if times.dt.year.between(earliest, 2200).mean() > 0.9:
            found.append((times, f"dates {_WORDS[format]}"))
    return max(found, key=lambda one: evenness(one[0])) if found else None


def _are_years(finite: pd.Series, name: str) -> bool:
    whole = (finite == finite.round()).all() and finite.between(1000, 2999).all()
    steps = np.diff(finite.to_numpy())
    named = re.search(r"year|jahr|ann[eé]e|año|date|time|ds|fiscal", name.lower()) is not None
    return bool(whole and (named or (finite >= 1500).all()) and (np.abs(steps) == 1).mean() > 0.5 * (len(steps) > 0))


def _weeks(numbers: pd.Series) -> pd.Series | None:
    """201452, 201501: numbers that count weeks, and go on from one of the last of a year to the first of the next."""
    weeks = numbers.to_numpy() % 100
    years = (numbers.to_numpy() - weeks) / 100
    if not (((weeks >= 1) & (weeks <= 53) & (years >= 1900) & (years <= 2200)).all() and (weeks > 12).any()):
        return None
    texts = numbers.map("{:.0f}".format)
    return pd.to_datetime(texts.str[:4] + "-W" + texts.str[4:] + "-1", format="%G-W%V-%u", utc=True, errors="coerce")


def _steps(
    column: pd.Series,
    numbers: pd.Series,
    finite: pd.Series,
    frame: pd.DataFrame,
    settings: ReadSettings,
    groups: pd.Series | None,
) -> tuple[pd.Series, str, str | None]:
    where, name = source_name(frame), str(column.name)
    counted = (finite == finite.round()).all() and (finite >= 0).all()
    if not counted:
        raise SSSDError(
            f"{where}: column {name!r} holds numbers such as {column.iloc[0]}, which are neither dates"
            " (20240131), years, counted steps, nor seconds, milliseconds, microseconds or nanoseconds since 1970;"
            " name another time column: --set data.time=NAME"
        )
    step = settings.step_length or _m4_step(groups)
    if step is None:
        raise SSSDError(
            f"{where}: column {name!r} counts steps ({finite.iloc[0]:.0f}, …) and has no dates; say how long a step"
            " is, and times are counted from 1970 on: --set data.bar=1h, or name another time column:"
            " --set data.time=NAME"
        )
    return _counted(numbers, step), f"steps of {step}, counted from 1970", step


def _m4_step(groups: pd.Series | None) -> str | None:
    """M4 names its series by how long a step is: H1, D12, W3, M4, Q5, Y6."""
    if groups is None or not groups.astype(str).str.fullmatch(r"[HDWMQY]\d+").all():
        return None
    letters = set(groups.astype(str).str[0])
    return _M4[letters.pop()] if len(letters) == 1 else None


def _counted(numbers: pd.Series, step: str) -> pd.Series:
    length = parse_length(step)
    finite = np.isfinite(numbers)
    counts = numbers.where(finite, 0).astype("int64").to_numpy()
    if length.months:
        times = (np.datetime64("1970-01", "M") + length.months * counts).astype("datetime64[s]")
    else:
        times = np.datetime64(0, "s") + length.seconds * counts
    return pd.Series(times.astype("datetime64[ns]"), index=numbers.index).dt.tz_localize("UTC").where(finite)
