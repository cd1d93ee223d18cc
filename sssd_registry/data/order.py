"""Rows of each series, and the check that their times ascend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.frame import check_columns, source_name
from sssd_registry.errors import SSSDError


@dataclass(frozen=True)
class SeriesRows:
    """Where one series lies in a frame.

    Attributes:
        id: entry of the id column as text; ``""`` without an id column.
        rows: intp ``(n,)``, positions in the frame, ascending.
        times: int64 ``(n,)``, the timestamps at these rows, seconds since 1970 UTC, strictly ascending.
    """

    id: str
    rows: npt.NDArray[np.intp]
    times: npt.NDArray[np.int64]


def series_rows(frame: pd.DataFrame, time: str, id: str | None) -> tuple[SeriesRows, ...]:
    """The series of ``frame`` (as :func:`read_frame` gives it), in the order in which they first appear.

    Raises:
        SSSDError: a missing id, or timestamps of a series that repeat or descend; names both rows (1 is the
            first row of data) and timestamps.
    """
    seconds = frame[time].to_numpy(dtype="datetime64[ns]").astype(np.int64) // 1_000_000_000
    if id is None:
        parts = [("", np.arange(len(frame)))]
    else:
        check_columns(frame, [id], "data.id")
        codes, names = pd.factorize(frame[id])
        if (codes < 0).any():
            raise SSSDError(f"{source_name(frame)}: column {id!r}, row {int(np.argmin(codes)) + 1}: the id is empty")
        parts = [(str(name), np.flatnonzero(codes == code)) for code, name in enumerate(names)]
    series = tuple(SeriesRows(name, rows, seconds[rows]) for name, rows in parts)
    for one in series:
        _check_order(one, frame, time, id)
    return series


def _check_order(series: SeriesRows, frame: pd.DataFrame, time: str, id: str | None) -> None:
    bad = np.flatnonzero(np.diff(series.times) <= 0)
    if not len(bad):
        return
    before, row = series.rows[bad[0]], series.rows[bad[0] + 1]
    duplicate = series.times[bad[0]] == series.times[bad[0] + 1]
    same = frame[time].iloc[before] == frame[time].iloc[row]
    what = "repeats" if same else "lies in the same second as" if duplicate else "is earlier than"
    advice = "keep one row for each timestamp" if duplicate else "sort the rows by time"
    if id is None:
        advice += ", or name the column that tells series apart: --set data.id=NAME"
    raise SSSDError(
        f"{source_name(frame)}: column {time!r}{f', series {series.id!r}' if id else ''}, row {row + 1}:"
        f" {frame[time].iloc[row]} {what} row {before + 1}: {frame[time].iloc[before]}; {advice}"
    )
