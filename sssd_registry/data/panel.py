"""From a frame to validated series of bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.frame import check_columns, number_column, read_frame, source_name
from sssd_registry.data.order import SeriesRows, series_rows
from sssd_registry.data.reading import row_name
from sssd_registry.data.resample import resample
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError


@dataclass(frozen=True)
class Series:
    """n bars of one series; gaps stay gaps.

    Attributes:
        id: ``""`` in a frame without ids.
        times: int64 ``(n,)``, start of each bar, seconds since 1970 UTC, strictly ascending.
        values: float64 ``(n, V)``, in the order of ``DataSpec.columns``, finite.
    """

    id: str
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """All series of a frame, in the order in which they first appear in it."""

    series: tuple[Series, ...]


def to_panel(frame: pd.DataFrame, spec: DataSpec) -> Panel:
    """Check ``frame`` against ``spec`` and bring its rows to bars of ``spec.bar_seconds``.

    Where the rows are finer than the bar, a last bar that is not over yet is left out.

    Raises:
        SSSDError: missing columns, timestamps that repeat or descend, entries that are missing, infinite or
            not numbers, a constant target, or values that are not positive where log-returns are taken.
    """
    frame = read_frame(frame, spec)
    check_columns(frame, spec.columns, "a column that the model looks at")
    rows = series_rows(frame, spec.time, spec.id)
    values = np.stack([number_column(frame, name) for name in spec.columns], axis=1)  # (rows, V)
    _check_finite(frame, spec, values)
    _check_constant(frame, spec, values, rows)
    _check_positive(frame, spec, values)
    return Panel(tuple(_series(one, values, spec) for one in rows))


def _series(rows: SeriesRows, values: npt.NDArray[np.float64], spec: DataSpec) -> Series:
    times = rows.times - (spec.source_seconds if spec.timestamps == "end" else 0)
    if spec.bar_seconds == spec.source_seconds:
        return Series(rows.id, times, values[rows.rows])
    bars = resample(times, values[rows.rows], spec.roles, spec.bar_seconds, spec.source_seconds)
    over = bars.known <= times[-1] + spec.source_seconds
    return Series(rows.id, bars.starts[over], bars.values[over])


def _check_finite(frame: pd.DataFrame, spec: DataSpec, values: npt.NDArray[np.float64]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        what = "is missing (NaN)" if np.isnan(values[row, column]) else "is infinite"
        raise SSSDError(
            f"{_place(frame, spec, row, column)}: the value {what}; fill it, or drop the row (gaps are fine)"
        )


def _check_constant(
    frame: pd.DataFrame, spec: DataSpec, values: npt.NDArray[np.float64], rows: tuple[SeriesRows, ...]
) -> None:
    for column in spec.target_indices:
        for one in rows:
            target = values[one.rows, column]
            if len(target) > 1 and (target == target[0]).all():
                series = f", series {one.id!r}" if spec.id else ""
                raise SSSDError(
                    f"{source_name(frame)}: column {spec.columns[column]!r}{series}: all"
                    f" {len(target)} values are {target[0]:g}; a constant cannot be forecast, leave it out"
                )


def _check_positive(frame: pd.DataFrame, spec: DataSpec, values: npt.NDArray[np.float64]) -> None:
    """Returns are taken of every column but volumes, the target's reference among them."""
    if spec.target_kind != "log-return":
        return
    bad = np.argwhere((values <= 0) & [role != "volume" for role in spec.roles])
    if len(bad):
        row, column = bad[0]
        raise SSSDError(
            f"{_place(frame, spec, row, column)}: {values[row, column]:g} has no logarithm; log-returns need"
            " positive values: correct it, leave the column out, or --set data.target_kind=level"
        )


def _place(frame: pd.DataFrame, spec: DataSpec, row: int, column: int) -> str:
    series = f", series {str(frame[spec.id].iloc[row])!r}" if spec.id else ""
    return (
        f"{source_name(frame)}: column {spec.columns[column]!r}{series}, {row_name(frame, row)}"
        f" ({frame[spec.time].iloc[row]})"
    )
