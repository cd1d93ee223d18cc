"""Calendar of the next bars: when they will start, judged from the weeks that were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from sssd_registry.data.defaults import never_closes
from sssd_registry.data.durations import DAY, WEEK, Length
from sssd_registry.data.months import later_months
from sssd_registry.data.resample import MONDAY

_WEEKS = 8


def future_times(
    times: npt.NDArray[np.int64], bar: int | Length, steps: int, weekdays: Sequence[int] = ()
) -> npt.NDArray[np.int64]:
    """Starts of the next ``steps`` bars, int64 ``(steps,)``, seconds since 1970 UTC.

    A slot of the week (weekday and time of day) has a bar when it had one in at least half of the last eight
    weeks that cover it. So business days skip weekends, and a currency's Friday is followed by its Sunday
    evening. Where nothing like a week shows, one bar follows the other: bars of a week or longer, less than a
    week of data, no regular slots, or bars on all days and at all hours, of which some are missing.
    Months, quarters and years follow the calendar, see :func:`later_months`.

    Args:
        times: int64 ``(n,)``, starts of the bars so far, ascending, n >= 1.
        bar: length of a bar, or its seconds.
        steps: how many.
        weekdays: days of the week on which bars may start, 0 is Monday; ``()`` for all. Others are skipped however few
            bars there are. A holiday to come is not known: it counts as any other day.
    """
    length = bar if isinstance(bar, Length) else Length(bar)
    if length.months:
        return later_months(times, length.months, steps)
    bar_seconds, last = length.seconds, int(times[-1])
    open_all_week = bar_seconds >= WEEK or never_closes(bar_seconds, [times])
    slots = np.empty(0, dtype=np.int64) if open_all_week else _traded_slots(times, bar_seconds)
    if weekdays:
        slots = slots[np.isin(slots // DAY, weekdays)]
    if not len(slots) and weekdays:
        # As many bars as lie in the weeks that hold the steps, and two more weeks for the days skipped at either end.
        most = (steps * 7 // len(weekdays)) + 2 * WEEK // bar_seconds
        following = last + bar_seconds * np.arange(1, most + 1, dtype=np.int64)
        return following[np.isin((following - MONDAY) % WEEK // DAY, weekdays)][:steps]
    if not len(slots):
        return last + bar_seconds * np.arange(1, steps + 1, dtype=np.int64)
    found: list[int] = []
    for time in _occurrences(slots, last):
        if len(found) == steps:
            break
        # Slots that a change of the clock moved lie closer together than bars can.
        if time - (found[-1] if found else last) >= bar_seconds:
            found.append(time)
    return np.asarray(found, dtype=np.int64)


def _traded_slots(times: npt.NDArray[np.int64], bar_seconds: int) -> npt.NDArray[np.int64]:
    """Seconds since Monday 00:00 at which bars start, ascending; empty when no week shows."""
    last = int(times[-1])
    span = min(_WEEKS * WEEK, last - int(times[0]) + bar_seconds)
    if span < WEEK:
        return np.empty(0, dtype=np.int64)
    recent = times[times > last - span]
    slots, seen = np.unique((recent - MONDAY) % WEEK, return_counts=True)
    # A slot lies in (last - span, last] once for each whole week, and once more within the rest of the span.
    age = (last - MONDAY - slots) % WEEK
    covered = (span - 1 - age) // WEEK + 1
    traded = slots[2 * seen >= covered]
    per_week = len(recent) * WEEK / span
    return traded if 2 * len(traded) >= per_week else np.empty(0, dtype=np.int64)


def _occurrences(slots: npt.NDArray[np.int64], last: int) -> Iterator[int]:
    """The times after ``last`` at which a slot comes round, ascending, without end."""
    monday = last - (last - MONDAY) % WEEK
    for week in count():
        for slot in slots:
            time = monday + week * WEEK + int(slot)
            if time > last:
                yield time
