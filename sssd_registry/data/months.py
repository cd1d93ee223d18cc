"""Months, quarters and years: where rows lie that far apart, and where in its month a row lies."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY

Times = npt.NDArray[np.int64]
# A day of the month; or a day of the week (0 is Monday) and which of them in its month: 0 is the first, -1 the last.
Place = Literal["end", "last weekday", "first weekday"] | int | tuple[int, int]

# Gregorian mean, 30.436875 days.
MONTH = 2_629_746
# Holidays, leap days and a first delivery move a row by as much within its month.
_NEAR_START, _NEAR_END = 4, 4
# Of the rows, for a place in the month to be theirs: the last one of a file is often of today.
_MOST = 0.9
_MANY = 0.7


def month_of(times: Times) -> Times:
    """Months since January 1970 of each of ``times``, seconds since 1970 UTC."""
    return times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def whole_months(times: Times) -> Times:
    """Months from each row to the next, int64 ``(n - 1,)``; 0 where they lie nearer or farther than that in days."""
    months = np.diff(month_of(times))
    return np.where(np.rint(np.diff(times) / MONTH) == months, months, 0)


def same_place(times: Times) -> npt.NDArray[np.bool_]:
    """Tell whether each row and the next lie at the same place of their months: day, or about the start or end."""
    day, left = _day(times), _days_left(times)
    earlier, later = slice(None, -1), slice(1, None)
    day_cut_short = ((left[later] == 0) & (day[earlier] >= day[later])) | (
        (left[earlier] == 0) & (day[later] >= day[earlier])
    )
    start = (day[earlier] <= _NEAR_START) & (day[later] <= _NEAR_START)
    end = (left[earlier] <= _NEAR_END) & (left[later] <= _NEAR_END)
    return np.asarray((day[earlier] == day[later]) | day_cut_short | start | end, dtype=np.bool_)


def same_weekday(times: Times) -> npt.NDArray[np.bool_]:
    """Tell whether each row and the next are the same of their months' Mondays, Tuesdays, …: third Fridays, say."""
    equal = [np.diff(values) == 0 for values in (_weekday(times), (_day(times) - 1) // 7, _days_left(times) // 7)]
    return np.asarray(equal[0] & (equal[1] | equal[2]), dtype=np.bool_)


def later_months(times: Times, months: int, steps: int) -> Times:
    """The next ``steps`` bars of ``months`` months after ``times``, int64 ``(steps,)`` seconds since 1970 UTC.

    Month ends stay month ends, last and first weekdays stay what they are, and other rows keep their day.

    Args:
        times: int64 ``(n,)``, starts of the bars so far, ascending, n >= 1.
    """
    following = month_of(times[-1:]) + months * np.arange(1, steps + 1, dtype=np.int64)
    made: Times = _at(following, place_of(times)) + times[-1] % DAY
    return made


def earlier_months(times: Times, months: int) -> Times:
    """Each of ``times`` that many months before, at the same place of its month."""
    place = place_of(times)
    return _at(month_of(times) - months, _day(times) if isinstance(place, int) else place) + times % DAY


def place_of(times: Times) -> Place:
    """Find the place of rows in their months: the end, the last or first weekday, third Fridays, or which day."""
    recent = times[-60:]
    if np.mean(_days_left(recent) == 0) >= _MOST:
        return "end"
    days, counts = np.unique(_day(recent), return_counts=True)
    if counts.max() < _MOST * len(recent):
        for place in ("last weekday", "first weekday"):
            if np.mean(_at(month_of(recent), place) == recent // DAY * DAY) >= _MANY:
                return place
        of_week = (_weekday(recent), (_day(recent) - 1) // 7), (_weekday(recent), -1 - _days_left(recent) // 7)
        for weekday, which in of_week:
            common = int(np.bincount(weekday).argmax()), int(np.median(which))
            if np.mean((weekday == common[0]) & (which == common[1])) >= _MOST:
                return common
    # The later one of days that are as frequent: the 30th is cut short by February.
    return int(days[len(days) - 1 - np.argmax(counts[::-1])])


def _at(months: Times, place: Place | Times) -> Times:
    """Midnight of the day at ``place`` in each of ``months``; a day that a month lacks is its last."""
    start = months.astype("datetime64[M]").astype("datetime64[D]")
    end = (months + 1).astype("datetime64[M]").astype("datetime64[D]") - 1
    if isinstance(place, tuple):
        weekday, which = place
        first, last = _seconds(start), _seconds(end)
        ahead, back = (weekday - _weekday(first)) % 7, (_weekday(last) - weekday) % 7
        return first + (ahead + 7 * which) * DAY if which >= 0 else last - (back - 7 * (which + 1)) * DAY
    if isinstance(place, str):
        if place == "last weekday":
            end = np.busday_offset(end, 0, roll="backward")
        days = np.busday_offset(start, 0, roll="forward") if place == "first weekday" else end
    else:
        days = np.minimum(start + (np.asarray(place) - 1).astype("timedelta64[D]"), end)
    return _seconds(days)


def _seconds(days: npt.NDArray[np.datetime64]) -> Times:
    return days.astype("datetime64[s]").astype(np.int64)


def _weekday(times: Times) -> Times:
    """0 is Monday: 1970 began on a Thursday."""
    weekday: Times = (times // DAY + 3) % 7
    return weekday


def _day(times: Times) -> Times:
    """Day of the month, from 1."""
    days = times.astype("datetime64[s]").astype("datetime64[D]")
    of_month: Times = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    return of_month


def _days_left(times: Times) -> Times:
    """Days after it in its month: 0 at the end."""
    days = times.astype("datetime64[s]").astype("datetime64[D]")
    following = (days.astype("datetime64[M]") + 1).astype("datetime64[D]")
    left: Times = (following - days).astype(np.int64) - 1
    return left
