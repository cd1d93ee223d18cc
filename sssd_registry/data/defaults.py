"""Timeframes, horizons and season that suit the data's own bar, for a configuration that names none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY, HOUR, MINUTE, WEEK, Length
from sssd_registry.data.resample import MONDAY, bin_starts

Times = npt.NDArray[np.int64]

_LADDER = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY, WEEK)
# Gregorian mean, 365.2425 days.
YEAR = 31_556_952
# Of a season longer than these, so many horizons show the shape.
_MOST_HORIZONS = 24
# Bars ahead for bars of so many months: what the M4 competition asked for, but a year of months.
_MONTHS_AHEAD = {1: 12, 3: 8}


def default_timeframes(bar: Length, times: Sequence[Times], season: int) -> dict[int, int]:
    """Seconds -> lookback: the bar and up to three coarser rungs that look about equally far back.

    Rungs are at least three times as long as the one before. Rungs with fewer than four bars are left out, and
    bars of months have none. The finest lookback is at most an eighth of the bars there are, so that a few hundred
    rows still train. It is up to a quarter where that holds two seasons of data without nights and weekends, and of
    panels, whose many series train as well as a long one.

    Args:
        times: starts of the bars of each series.
        season: in bars.
    """
    bar_seconds, length = bar.seconds, _typical_length(times)
    wanted = 240 if bar_seconds < HOUR else 168 if bar_seconds < DAY else 60
    lookback = max(8, min(wanted, max(length // 8, min(length // 4, sum(map(len, times)) // 64))))
    if 2 * season <= min(wanted, length // 4) and (bar.months or never_closes(bar_seconds, times)):
        lookback = max(lookback, 2 * season)
    frames = {bar_seconds: lookback}
    rung = bar_seconds
    for seconds in _LADDER:
        if bar.months or seconds % bar_seconds or seconds < 3 * rung or len(frames) == 4:
            continue
        bars = round(lookback / _rows_in_a_bar(seconds, bar_seconds, times))
        if bars >= 4:
            frames[seconds] = bars
            rung = seconds
    return frames


def default_horizons(bar: Length, times: Sequence[Times], season: int, market: bool) -> tuple[int, ...]:
    """Horizons in bars.

    Where the data have a season and no nights or weekends, every bar of it (of two, up to seven bars), or 24 evenly
    spaced ones; 1 to 12 for months. Else, and of a market's prices, which have no season to speak of: 15 min, 1 h, 4 h
    for minutes; 1, 4, 24 for hours; 1, 5, 20 for days; 1, 4, 12 for weeks. None is longer than a tenth of the bars
    there are.
    """
    if bar.months:
        horizons = tuple(range(1, 1 + _MONTHS_AHEAD.get(bar.months, 6)))
    elif not market and season > 1 and bar.seconds < WEEK and never_closes(bar.seconds, times):
        horizons = _through(2 * season if season <= 7 else season)
    elif not market and bar.seconds == WEEK:
        horizons = tuple(range(1, 14))
    else:
        horizons = _of_a_market(bar.seconds)
    limit = _typical_length(times) // 10
    return tuple(horizon for horizon in horizons if horizon <= limit) or (1,)


def _through(bars: int) -> tuple[int, ...]:
    """1 to ``bars``, or the first and 24 evenly spaced ones."""
    if bars <= _MOST_HORIZONS:
        return tuple(range(1, bars + 1))
    return tuple(sorted({1, *(round(bars * part / _MOST_HORIZONS) for part in range(1, _MOST_HORIZONS + 1))}))


def _of_a_market(bar_seconds: int) -> tuple[int, ...]:
    if MINUTE <= bar_seconds < HOUR:
        return tuple(span // bar_seconds for span in (15 * MINUTE, HOUR, 4 * HOUR) if not span % bar_seconds)
    if bar_seconds < DAY:
        return (1, 4, 24)
    return (1, 5, 20) if bar_seconds < WEEK else (1, 4, 12)


def season_length(bar: Length, times: Sequence[Times]) -> int:
    """Bars in a day; in a week for days; in a year for weeks and longer; 1 if the data hold less than two.

    By the clock where bars may come at any time, some of them missing; else counted in the data: business days have
    weeks of five bars, an exchange's hours have days of seven.
    """
    bar_seconds = bar.seconds
    if bar.months:
        season = 12 // bar.months if 12 % bar.months == 0 else 1
    elif bar_seconds >= WEEK:
        season = round(YEAR / bar_seconds)
    else:
        period = DAY if bar_seconds < DAY else WEEK
        season = round(_rows_in_a_bar(period, bar_seconds, times))
        nearly = 0.9 * period <= season * bar_seconds < period  # a day with a few bars missing is still a day
        if nearly or (period % bar_seconds == 0 and never_closes(bar_seconds, times)):
            season = period // bar_seconds
    return season if 1 < season <= _typical_length(times) // 2 else 1


def calendar_periods(bar_seconds: int, times: Sequence[Times]) -> tuple[int, ...]:
    """Seconds of those of day, week and year that bars can lie differently in and the data hold four of.

    In less than that a position in the period is a position in the data: a network would learn dates by heart.
    """
    span = max(int(one[-1] - one[0]) for one in times if len(one))
    return tuple(period for period in (DAY, WEEK, YEAR) if bar_seconds < period and 4 * period <= span)


def never_closes(bar_seconds: int, times: Sequence[Times]) -> bool:
    """Tell whether bars come on every day of the week and at every hour: a sensor's do, a market's do not.

    Bars may be missing, as long as no day and no hour has half as many as another.
    """
    if bar_seconds >= WEEK:
        return True
    present = [one for one in times if len(one)]
    span = sum(int(one[-1] - one[0]) + bar_seconds for one in present)
    if max((int(one[-1] - one[0]) for one in present), default=0) < 2 * WEEK:
        return sum(map(len, present)) * bar_seconds >= 0.9 * span
    rows = np.concatenate(present)
    slots = [np.bincount((rows - MONDAY) % WEEK // DAY, minlength=7)] if bar_seconds <= DAY else []
    if bar_seconds < DAY:
        slot = max(bar_seconds, HOUR)
        slots.append(np.bincount(rows % DAY // slot, minlength=-(-DAY // slot)))
    return all(2 * counts.min() >= counts.max() for counts in slots)


def _rows_in_a_bar(seconds: int, bar_seconds: int, times: Sequence[Times]) -> float:
    """Median count of rows in the bars of ``seconds``, the first and last bar of each series left out."""
    counts = [np.unique(bin_starts(one, seconds, bar_seconds), return_counts=True)[1] for one in times]
    inner = np.concatenate([count[1:-1] if len(count) > 2 else count for count in counts])
    return float(np.median(inner))


def _typical_length(times: Sequence[Times]) -> int:
    return int(np.median([len(one) for one in times]))
