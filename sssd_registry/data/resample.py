"""Coarser bars from finer ones, causally: what a bar holds is known when it is over, and never before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY, WEEK

Role = Literal["open", "high", "low", "close", "volume", "value"]

MONDAY = 4 * DAY  # 1970-01-05, the first Monday of the epoch


@dataclass(frozen=True)
class Bars:
    """m bars of one length, ascending.

    Attributes:
        starts: int64 ``(m,)``, start of each bar, seconds since 1970 UTC.
        known: int64 ``(m,)``, ``starts + seconds``: the time from which on a bar is complete.
        values: float64 ``(m, V)``.
    """

    starts: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def bin_starts(times: npt.NDArray[np.int64], seconds: int, row_seconds: int = 1) -> npt.NDArray[np.int64]:
    """Start of the bar of ``seconds`` that each row belongs to: the one in which the row *ends*.

    Bars are aligned to the epoch, weeks to Monday. A row that straddles two bars (09:30 to 10:30 in hours) is
    not known when the first is over; counting it to the second keeps bars causal however rows are spaced.

    Args:
        times: int64 ``(n,)``, start of each row in seconds.
        row_seconds: length of a row; 1 bins by the rows' starts.
    """
    anchor = MONDAY if seconds % WEEK == 0 else 0
    return anchor + (times + (row_seconds - 1 - anchor)) // seconds * seconds


def resample(
    times: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    roles: Sequence[str],
    seconds: int,
    row_seconds: int = 1,
) -> Bars:
    """Bars of ``seconds``: open = first, high = max, low = min, close and value = last, volume = sum.

    A bar without rows does not exist: gaps stay gaps. The first bar is left out when the rows begin midway in
    it, so that the tail of a file gives the same bars as the whole file. The last bar may still be open:
    compare ``known`` with the time at hand.

    Args:
        times: int64 ``(n,)``, ascending, starts of the rows.
        values: float64 ``(n, V)``.
        roles: V roles.
        row_seconds: length of a row.
    """
    bins = bin_starts(times, seconds, row_seconds)
    first = np.flatnonzero(np.diff(bins, prepend=bins[:1] - 1))
    if len(times) and times[0] > bins[0]:
        first = first[1:]
    last = np.append(first[1:], len(times))[: len(first)] - 1
    columns = [_reduce(values[:, column], role, first, last) for column, role in enumerate(roles)]
    starts = bins[first]
    return Bars(starts, starts + seconds, np.stack(columns, axis=1))


def _reduce(
    column: npt.NDArray[np.float64], role: str, first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    seen = ~np.isnan(column)
    if not seen.all():
        return _reduce_seen(column, seen, role, first, last)
    if role == "open":
        return column[first]
    if role == "high":
        return np.maximum.reduceat(column, first)
    if role == "low":
        return np.minimum.reduceat(column, first)
    if role == "volume":
        return np.add.reduceat(column, first)
    return column[last]


def _reduce_seen(
    column: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    role: str,
    first: npt.NDArray[np.intp],
    last: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """The same of the rows that have a value; NaN for a bar without one. A sum stands for its missing rows, too."""
    if not len(first):
        return column[:0]
    rows, count = last - first + 1, np.add.reduceat(seen.astype(np.intp), first)
    if role in ("high", "low"):
        return np.asarray((np.fmax if role == "high" else np.fmin).reduceat(column, first))
    if role == "volume":
        total = np.add.reduceat(np.where(seen, column, 0.0), first)
        return np.where(count > 0, total * rows / np.maximum(count, 1), np.nan)
    place = np.arange(len(column))
    if role == "open":
        at = np.minimum.reduceat(np.where(seen, place, len(column) - 1), first)
    else:
        at = np.maximum.reduceat(np.where(seen, place, 0), first)
    return np.where(count > 0, column[at], np.nan)
