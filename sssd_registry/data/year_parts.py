"""Numbers that have the month, the quarter or the time of year behind the point: 2003.05, 5.2003, 1949.0833."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

Numbers = npt.NDArray[np.float64]
_YEARS = (1700, 2100)
# Of the steps, for a reading to be the right one.
_REGULAR = 0.9
# Of a month or a quarter: decimals are cut off in files.
_NEAR = 0.05


def times_in_years(numbers: pd.Series) -> tuple[pd.Series, str] | None:
    """UTC times of ``numbers`` and how they are read; None where they are no such times."""
    values = numbers.to_numpy(dtype="float64")
    if len(values) < 3 or not np.isfinite(values).all() or (values == np.rint(values)).all():
        return None
    for read, months, note in _READINGS:
        counts = read(values)
        if counts is None or np.mean(np.abs(np.diff(counts)) == 1) < _REGULAR:
            continue
        starts = (counts * months).astype("datetime64[M]").astype("datetime64[ns]")
        return pd.Series(starts, index=numbers.index).dt.tz_localize("UTC"), note
    return None


def _parts(years: Numbers, parts: Numbers, most: int) -> npt.NDArray[np.int64] | None:
    """Parts of years since 1970, where all lie in a usual year and count from 1 to ``most``."""
    whole = np.abs(parts - np.rint(parts)) < 0.01
    if not (whole & (np.rint(parts) >= 1) & (np.rint(parts) <= most) & _usual(years)).all():
        return None
    counts: npt.NDArray[np.int64] = ((years - 1970) * most + np.rint(parts) - 1).astype(np.int64)
    return counts


def _usual(years: Numbers) -> npt.NDArray[np.bool_]:
    return np.asarray((years >= _YEARS[0]) & (years <= _YEARS[1]), dtype=np.bool_)


def _months(values: Numbers) -> npt.NDArray[np.int64] | None:
    return _parts(np.floor(values), (values % 1) * 100, 12)


def _quarters(values: Numbers) -> npt.NDArray[np.int64] | None:
    return _parts(np.floor(values), (values % 1) * 10, 4)


def _month_first(values: Numbers) -> npt.NDArray[np.int64] | None:
    years = np.rint((values % 1) * 10_000)
    return _parts(years, np.floor(values), 12)


def _shares(parts: int) -> Callable[[Numbers], npt.NDArray[np.int64] | None]:
    """Decimal years, each at the same place of its part: its start, or its middle."""

    def read(values: Numbers) -> npt.NDArray[np.int64] | None:
        scaled = values * parts
        place = float(np.median(scaled - np.floor(scaled + _NEAR)))
        if not _usual(values).all() or (np.abs(scaled - place - np.rint(scaled - place)) > 2 * _NEAR).any():
            return None
        counts: npt.NDArray[np.int64] = np.rint(scaled - place).astype(np.int64) - 1970 * parts
        return counts

    return read


_READINGS = (
    (_months, 1, "dates year.month"),
    (_quarters, 3, "dates year.quarter"),
    (_month_first, 1, "dates month.year"),
    (_shares(4), 3, "decimal years, in quarters"),
    (_shares(12), 1, "decimal years, in months"),
)
