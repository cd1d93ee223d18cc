"""Days of the week on which bars start: business days, an exchange's, or all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.durations import DAY, WEEK, is_business_day
from sssd_registry.data.reading import reading_of, row_name, source_name
from sssd_registry.data.resample import MONDAY
from sssd_registry.errors import SSSDError

Times = npt.NDArray[np.int64]

# Chance that days on which bars could start are missing from so many: less, and none ever does.
_CHANCE = 1e-3


def weekday_of(times: Times) -> Times:
    """0 is Monday, UTC, of each of ``times``, seconds since 1970."""
    weekday: Times = (times - MONDAY) % WEEK // DAY
    return weekday


def days_with_bars(bar_seconds: int, times: Sequence[Times]) -> tuple[int, ...]:
    """Days of the week on which bars start, 0 is Monday, where on some none ever does; else ``()``.

    Were bars to come on all days alike, n days would leave out some with a chance of ``(p / 7)^n``, p being the days
    of the week that are there: for business days, three weeks settle it.

    Args:
        bar_seconds: length of a bar; of more than a day, no day is left out.
        times: starts of the bars of each series.
    """
    present = [one for one in times if len(one)]
    if bar_seconds > DAY or not present:
        return ()
    days = np.unique(np.concatenate(present) // DAY)
    found = np.unique(weekday_of(days * DAY))
    share = len(found) / 7
    return tuple(found.tolist()) if len(found) < 7 and share ** len(days) <= _CHANCE else ()


def business_days(bar: str | None, frame: pd.DataFrame, time: str, found: tuple[int, ...]) -> tuple[int, ...]:
    """``found``, or of data whose bar is said to be a business day five days of the week.

    Args:
        bar: ``data.bar``.
        frame: as ``read_frame`` gives it.
        time: its time column.
        found: what the rows tell.

    Raises:
        SSSDError: it is, and a row is on a Saturday or Sunday, by the clock of the data.
    """
    if bar is None or not is_business_day(bar):
        return found
    local = frame[time].dt.tz_convert(reading_of(frame).zone or "UTC")
    late = np.flatnonzero(local.dt.day_of_week.to_numpy() >= 5)
    if len(late):
        row = int(late[0])
        raise SSSDError(
            f"{source_name(frame)}: column {time!r}, {row_name(frame, row)}: {local.iloc[row]} is a"
            f" {local.iloc[row].day_name()}, and data.bar is {bar}, a business day: drop such rows, or --set"
            " data.bar=1d"
        )
    return found if len(found) == 5 else (0, 1, 2, 3, 4)
