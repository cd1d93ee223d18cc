"""Evenness of the steps of a column of times, which tells day/month from month/day."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def evenness(times: pd.Series) -> float:
    """Chance that two steps drawn at random are as long, as the clock or as the calendar counts them; 0 to 1.

    Repeated times (of a panel) are no steps. Months are steps of the calendar where all times are on the same day
    of the month, or on its last, and at the same time of day.
    """
    index = pd.DatetimeIndex(times.dropna())
    clock = _alike(np.diff(index.as_unit("ns").asi8))
    same_clock = len(index) > 0 and (index - index.normalize()).nunique() == 1
    if not same_clock or not (index.day.nunique() == 1 or index.is_month_end.all()):
        return clock
    return max(clock, _alike(np.diff(index.year * 12 + index.month)))


def _alike(steps: npt.NDArray[np.int64]) -> float:
    steps = steps[steps != 0]
    if not len(steps):
        return 0.0
    _, counts = np.unique(steps, return_counts=True)
    return float(((counts / len(steps)) ** 2).sum())
