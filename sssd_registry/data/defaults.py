"""Timeframes, horizons and season that suit the data's own bar, for a configuration that names none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY, HOUR, MINUTE, WEEK
from sssd_registry.data.resample import bin_starts

Times = npt.NDArray[np.int64]

_LADDER = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY, WEEK)
# Gregorian mean, 365.2425 days.
YEAR = 31_556_952


def default_timeframes(bar_seconds: int, times: Sequence[Times]) -> dict[int, int]:
    """Seconds -> lookback: the bar and up to three coarser rungs that look about equally far back.

    Rungs are at least three times as long as the one before. Rungs with fewer than four bars are left out.
    The finest lookback is at most an eighth of the bars there are, so that a few hundred rows still train.

    Args:
        times: starts of the bars of each series.
    """
    wanted = 240 if bar_seconds < HOUR else 168 if bar_seconds < DAY else 60
    lookback = max(8, min(wanted, _typical_length(times) // 8))
    frames = {bar_seconds: lookback}
    rung = bar_seconds
    for seconds in _LADDER:
        if seconds % bar_seconds or seconds < 3 * rung or len(frames) == 4:
            continue
        bars = round(lookback / _rows_in_a_bar(seconds, bar_seconds, times))
        if bars >= 4:
            frames[seconds] = bars
            rung = seconds
    return frames


def default_horizons(bar_seconds: int, times: Sequence[Times]) -> tuple[int, ...]:
    """Horizons in bars: 15 min, 1 h, 4 h for minutes; 1, 4, 24 for hours; 1, 5, 20 for days.

    None is longer than a tenth of the bars there are.
    """
    if MINUTE <= bar_seconds < HOUR:
        horizons = tuple(span // bar_seconds for span in (15 * MINUTE, HOUR, 4 * HOUR) if not span % bar_seconds)
    elif bar_seconds < DAY:
        horizons = (1, 4, 24)
    else:
        horizons = (1, 5, 20) if bar_seconds < WEEK else (1, 4, 12)
    limit = _typical_length(times) // 10
    return tuple(horizon for horizon in horizons if horizon <= limit) or (1,)


def season_length(bar_seconds: int, times: Sequence[Times]) -> int:
    """Bars in a day; in a week for days; in a year for weeks and longer; 1 if the data hold less than two.

    Counted in the data: business days have weeks of five bars, an exchange's hours have days of seven.
    """
    if bar_seconds >= WEEK:
        season = round(YEAR / bar_seconds)
    else:
        period = DAY if bar_seconds < DAY else WEEK
        season = round(_rows_in_a_bar(period, bar_seconds, times))
        if 0.9 * period <= season * bar_seconds < period:  # a day with a few bars missing is still a day
            season = period // bar_seconds
    return season if 1 < season <= _typical_length(times) // 2 else 1


def calendar_periods(bar_seconds: int, times: Sequence[Times]) -> tuple[int, ...]:
    """Seconds of those of day, week and year that bars can lie differently in and the data hold four of.

    In less than that a position in the period is a position in the data: a network would learn dates by heart.
    """
    span = max(int(one[-1] - one[0]) for one in times if len(one))
    return tuple(period for period in (DAY, WEEK, YEAR) if bar_seconds < period and 4 * period <= span)


def _rows_in_a_bar(seconds: int, bar_seconds: int, times: Sequence[Times]) -> float:
    """Median count of rows in the bars of ``seconds``, the first and last bar of each series left out."""
    counts = [np.unique(bin_starts(one, seconds, bar_seconds), return_counts=True)[1] for one in times]
    inner = np.concatenate([count[1:-1] if len(count) > 2 else count for count in counts])
    return float(np.median(inner))


def _typical_length(times: Sequence[Times]) -> int:
    return int(np.median([len(one) for one in times]))
