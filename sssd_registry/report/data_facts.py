"""Facts about data for a page: columns and what is missing, gaps, and the series as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.columns import left_out
from sssd_registry.data.durations import DAY, format_duration
from sssd_registry.data.panel import Panel, Series
from sssd_registry.data.spec import DataSpec
from sssd_registry.report.rounding import decimals_for, rounded, times

# Numbers of all pictures together, points of one, and gaps and columns that are listed.
_NUMBERS, _POINTS, _GAPS, _COLUMNS = 30_000, 1_000, 10, 60


def columns_table(frame: pd.DataFrame, spec: DataSpec) -> list[list[str]]:
    """Column, its use, missing entries, lowest, median and highest value."""
    used = {name: "forecast" if name in spec.targets else "looked at" for name in spec.columns}
    omitted = {name: f"left out: {why}" for name, why in left_out(frame, (*spec.columns, spec.time, spec.id)).items()}
    rows = []
    for name, use in list((used | omitted).items())[:_COLUMNS]:
        column = frame[name]
        missing = int(column.isna().sum())
        share = f"{missing:,} ({missing / len(column):.1%})" if missing else "none"
        rows.append([name, use, share, *_range(column)])
    return rows


def _range(column: pd.Series) -> list[str]:
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.isna().all():
        return ["", "", ""]
    return [f"{float(value):.6g}" for value in (column.min(), column.median(), column.max())]


def gaps_table(panel: Panel, spec: DataSpec) -> tuple[int, list[list[str]]]:
    """Number of gaps, and series, beginning, end and length of the longest ones."""
    found = []
    for series in panel.series:
        apart = np.diff(series.times)
        for at in np.flatnonzero(apart > spec.bar_seconds):
            found.append((int(apart[at]), int(series.times[at]), int(series.times[at + 1]), series.id))
    found.sort(key=lambda gap: -gap[0])
    return len(found), [
        [id, *times(np.array([begin, end], dtype="datetime64[s]")), _length(length)]
        for length, begin, end, id in found[:_GAPS]
    ]


def _length(seconds: int) -> str:
    return f"{seconds / DAY:.3g} d" if seconds >= DAY else format_duration(seconds)


def pictures(panel: Panel, spec: DataSpec, columns: Sequence[int], series: Sequence[int]) -> list[dict[str, Any]]:
    """Series in so few points that a page holds them: lowest and highest value of each stretch, by target."""
    points = max(50, min(_POINTS, _NUMBERS // (2 * len(columns) * len(series))))
    return [_picture(panel.series[index], spec, columns, points) for index in series]


def _picture(series: Series, spec: DataSpec, columns: Sequence[int], points: int) -> dict[str, Any]:
    stretch = -(-len(series.times) // points)
    starts = np.arange(0, len(series.times), stretch)
    found: dict[str, Any] = {
        "series": series.id,
        "bars": len(series.times),
        "times": times(series.times[starts].astype("datetime64[s]")),
        "targets": [],
    }
    for column in columns:
        values = series.values[:, spec.target_indices[column]]
        places = decimals_for(float(np.nanstd(values)))
        found["targets"].append(_extremes(values, starts, places, stretch))
    return found


def _extremes(
    values: npt.NDArray[np.float64], starts: npt.NDArray[np.intp], places: int, stretch: int
) -> dict[str, Any]:
    low = rounded(np.fmin.reduceat(values, starts), places)
    return {"low": low} if stretch == 1 else {"low": low, "high": rounded(np.fmax.reduceat(values, starts), places)}
