"""Rows of each series, and the check that their times ascend."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.reading import row_name, source_name
from sssd_registry.errors import SSSDError

# Columns whose pairs are tried as names of series.
_TRIED = 8
# Of the rows, those that share their time with an earlier one, where they are of several series.
_SHARED = 0.1


@dataclass(frozen=True)
class SeriesRows:
    """Rows of one series in a frame, with their times.

    Attributes:
        id: entry of the id column as text; ``""`` without an id column.
        rows: intp ``(n,)``, positions in the frame, ascending.
        times: int64 ``(n,)``, the timestamps at these rows, seconds since 1970 UTC, strictly ascending.
    """

    id: str
    rows: npt.NDArray[np.intp]
    times: npt.NDArray[np.int64]


def series_rows(
    frame: pd.DataFrame, time: str, id: str | None, broken: dict[str, str] | None = None
) -> tuple[SeriesRows, ...]:
    """The series of ``frame``, as :func:`read_frame` gives it, in the order in which they first appear.

    Reading has seen to it that both columns are there.

    Args:
        broken: takes, by id, what is wrong with a series of a panel whose timestamps repeat or descend; it is then
            none of the result. None, no panel, or no other series: that is an error.

    Raises:
        SSSDError: a missing id, or timestamps of a series that repeat or descend; names both rows (1 is the
            first row of data) and timestamps.
    """
    seconds = frame[time].to_numpy(dtype="datetime64[ns]").astype(np.int64) // 1_000_000_000
    if id is None:
        parts = [("", np.arange(len(frame)))]
    else:
        codes, names = pd.factorize(frame[id])
        if (codes < 0).any():
            raise SSSDError(
                f"{source_name(frame)}: column {id!r}, {row_name(frame, int(np.argmin(codes)))}: the id is empty"
            )
        parts = [(str(name), np.flatnonzero(codes == code)) for code, name in enumerate(names)]
    series = tuple(SeriesRows(name, rows, seconds[rows]) for name, rows in parts)
    faults: dict[str, SSSDError] = {}
    for one in series:
        try:
            _check_order(one, frame, time, id)
        except SSSDError as error:
            faults[one.id] = error
    if faults and (id is None or broken is None or len(faults) == len(series)):
        raise next(iter(faults.values()))
    if broken is not None:
        broken.update({name: str(error) for name, error in faults.items()})
    return tuple(one for one in series if one.id not in faults)


def newest_first(times: pd.Series, groups: pd.Series | None) -> npt.NDArray[np.intp] | None:
    """Positions of the rows with the oldest first, where every series has its newest first; None where not.

    Args:
        times: ``datetime64``, without NaT.
        groups: series of each row; None for a single one.
    """
    ticks = times.to_numpy(dtype="datetime64[ns]").astype(np.int64)
    if groups is None:
        steps = np.diff(ticks)
        return np.arange(len(ticks))[::-1] if (steps <= 0).all() and (steps < 0).any() else None
    codes, _ = pd.factorize(groups)
    together = np.argsort(codes, kind="stable")
    steps = np.diff(ticks[together])[np.diff(codes[together]) == 0]
    if not len(steps) or (steps > 0).any() or not (steps < 0).any():
        return None
    # From the last row on, so that rows of one time are turned around too.
    back = np.arange(len(ticks))[::-1]
    return back[np.argsort(codes[back], kind="stable")]


def _check_order(series: SeriesRows, frame: pd.DataFrame, time: str, id: str | None) -> None:
    bad = np.flatnonzero(np.diff(series.times) <= 0)
    if not len(bad):
        return
    before, row = int(series.rows[bad[0]]), int(series.rows[bad[0] + 1])
    duplicate = series.times[bad[0]] == series.times[bad[0] + 1]
    same = frame[time].iloc[before] == frame[time].iloc[row]
    what = "repeats" if same else "lies in the same second as" if duplicate else "is earlier than"
    advice = "keep one row for each timestamp" if duplicate else "sort the rows by time"
    if _clock_goes_back(series.times, int(bad[0])):
        advice = (
            "the clock goes back there, so these are local times: name their zone,"
            " --set data.timezone=Europe/Berlin or America/New_York"
        )
    elif id is None:
        advice += _id_advice(frame, time)
    raise SSSDError(
        f"{source_name(frame)}: column {time!r}{f', series {series.id!r}' if id else ''}, {row_name(frame, row)}:"
        f" {frame[time].iloc[row]} {what} {row_name(frame, before)}: {frame[time].iloc[before]}; {advice}"
    )


def _clock_goes_back(times: npt.NDArray[np.int64], at: int) -> bool:
    """Tell whether an hour comes twice from row ``at`` on: an hour added, the steps are as even as before and after."""
    steps = np.diff(times)
    usual = int(np.median(steps[max(0, at - 24) : at])) if at >= 2 else 0
    if not 0 < usual <= 3600 or steps[at] + 3600 != usual:
        return False
    moment = times[at].astype("datetime64[s]").item()
    return moment.month in (3, 4, 10, 11) and moment.weekday() in (5, 6)


def _id_advice(frame: pd.DataFrame, time: str) -> str:
    """Advise where rows are of several series: name the column, or the two, with which no timestamp repeats."""
    candidates = [str(name) for name in frame.columns if name != time and _may_be_names(frame[name])]
    names = [name for name in candidates if 1 < frame[name].nunique() <= len(frame) / 3]
    if frame[time].duplicated().mean() < _SHARED:
        names = []  # a row that is there twice, not several series
    for name in names:
        if not frame.duplicated([time, name]).any():
            return f", or name the column that tells series apart: --set data.id={name}"
    for one, other in combinations(names[:_TRIED], 2):
        if not frame.duplicated([time, one, other]).any():
            return (
                f"; or, as only {one} and {other} together tell series apart: write both into one column and name"
                " that: --set data.id=NAME"
            )
    return ", or name the column that tells series apart: --set data.id=NAME"


def _may_be_names(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_object_dtype(column.dtype):
        return all(isinstance(entry, str) for entry in column.dropna())
    return pd.api.types.is_string_dtype(column.dtype) or pd.api.types.is_integer_dtype(column.dtype)
