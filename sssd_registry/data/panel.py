"""Panel: a frame as validated series of bars."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.calendar import future_times
from sssd_registry.data.durations import Length
from sssd_registry.data.frame import check_columns, read_frame, source_name
from sssd_registry.data.holes import last_observed, observed_rows, with_missing_rows
from sssd_registry.data.known import holiday_column, known_values, missing_known
from sssd_registry.data.lengths import row_starts
from sssd_registry.data.number_column import number_column
from sssd_registry.data.order import SeriesRows, series_rows
from sssd_registry.data.other_frames import Data, library_of
from sssd_registry.data.reading import row_name
from sssd_registry.data.resample import resample
from sssd_registry.data.sentinels import tell_sentinels
from sssd_registry.data.spacing import judge_rows
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.static import unseen_static
from sssd_registry.data.target_bounds import check_targets
from sssd_registry.errors import DataWarning, LeftOutWarning, SSSDError

# Series, in a message.
_NAMED = 3


@dataclass(frozen=True)
class Series:
    """n bars of one series; gaps stay gaps, or become rows of missing values where the data never pause.

    Attributes:
        id: ``""`` in a frame without ids.
        times: int64 ``(n,)``, start of each bar, seconds since 1970 UTC, strictly ascending.
        values: float64 ``(n, V)``, in the order of ``DataSpec.columns``; NaN where one is missing.
        known: float64 ``(n + m, P)``, what is known ahead, of these bars and the m after them; P is 0 of most data.
    """

    id: str
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    known: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True)
class Panel:
    """All usable series of a frame, in the order in which they first appear in it.

    Attributes:
        left_out: id of a series that is none of them -> why.
        source: what to call the frame in a message.
        library: that the frame came from; None for pandas, and for files.
    """

    series: tuple[Series, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    source: str = "data"
    library: str | None = None

    def without(self, left_out: Mapping[str, str]) -> Panel:
        """The others, with a word about those.

        Raises:
            SSSDError: none is left.
        """
        if not left_out:
            return self
        kept = tuple(series for series in self.series if series.id not in left_out)
        _tell_left_out(self.source, left_out, bool(kept))
        return replace(self, series=kept, left_out={**self.left_out, **left_out})


def read_panel(data: Data | Panel, spec: DataSpec) -> Panel:
    """A raw frame, or a file, as the panel that ``spec`` says it is; what is one already is given back.

    Raises:
        SSSDError: as :func:`~sssd_registry.data.frame.read_frame` and :func:`to_panel`.
    """
    return data if isinstance(data, Panel) else to_panel(read_frame(data, spec), spec)


def to_panel(frame: pd.DataFrame, spec: DataSpec) -> Panel:
    """Check ``frame``, as :func:`read_frame` gives it, against ``spec``, and bring its rows to ``spec.bar_seconds``.

    Where the rows are finer than the bar, a last bar that is not over yet is left out. A series of a panel that is
    broken is left out with a word: it has no value of a target, its rows are not as far apart as the model's, its
    timestamps repeat or descend, or an entry is no number that can be used.

    Values may be missing; so are rows, where ``spec.gaps`` says so. Rows at the end without any value are to come: of
    them is taken what is known ahead.

    Raises:
        SSSDError: missing columns, timestamps that repeat or descend, entries that are infinite or not numbers,
            rows farther apart or nearer to each other than the model's, values that are not positive where log-returns
            are taken, or outside of their bounds.
    """
    check_columns(frame, spec.columns, "a column that the model looks at")
    left_out: dict[str, str] = {}
    rows = series_rows(frame, spec.time, spec.id, left_out)
    values = np.stack([number_column(frame, name) for name in spec.columns], axis=1)  # (rows, V)
    verdicts = {
        one.id: judge_rows(one.times, spec.step, spec.source_seconds, spec.bar, _lookback(spec)) for one in rows
    }
    left_out |= {name: verdict.fault for name, verdict in verdicts.items() if verdict.fault}
    if spec.id:
        left_out |= _without_values(rows, values, spec)
        left_out |= _unusable([one for one in rows if one.id not in left_out], frame, spec, values)
    left_out |= _without_known([one for one in rows if one.id not in left_out], frame, spec)
    source, kept = source_name(frame), [one for one in rows if one.id not in left_out]
    if left_out:
        _tell_left_out(source, left_out, bool(kept))
    _tell_notes(source, {one.id: verdicts[one.id].note for one in kept if verdicts[one.id].note})
    looked_at = np.zeros(len(frame), dtype=np.bool_)
    looked_at[np.concatenate([one.rows for one in kept])] = True
    _check_finite(frame, spec, values, looked_at)
    _check_positive(frame, spec, values, looked_at)
    check_targets(values, looked_at, spec.limits, lambda row, column: _place(frame, spec, row, column))
    tell_sentinels(values[looked_at], spec.columns, source)
    known = known_values(frame, spec.known, spec.time, spec.written_zone) if spec.known else np.empty((len(frame), 0))
    series = tuple(_series(one, values, known, spec, verdicts[one.id].row_seconds) for one in kept)
    _tell_filled(series, spec, source)
    return Panel(series, left_out, source, library_of(frame))


def without_constants(panel: Panel, spec: DataSpec) -> Panel:
    """``panel`` without the series that have a constant target: nothing can be learnt or scored of them.

    Raises:
        SSSDError: none is left.
    """
    return panel.without(
        {
            series.id: f"column {spec.columns[column]!r}: all {np.isfinite(series.values[:, column]).sum()} values are"
            f" {np.nanmax(series.values[:, column]):g}; nothing is learnt from a constant, or scored"
            for series in panel.series
            for column in spec.target_indices
            if len(series.times) > 1 and _is_constant(series.values[:, column])
        }
    )


def _is_constant(column: npt.NDArray[np.float64]) -> bool:
    return bool(np.nanmax(column) == np.nanmin(column))


def _without_values(rows: tuple[SeriesRows, ...], values: npt.NDArray[np.float64], spec: DataSpec) -> dict[str, str]:
    return {
        one.id: f"column {spec.columns[column]!r} has no value"
        for one in rows
        for column in spec.target_indices
        if np.isnan(values[one.rows, column]).all()
    }


def _without_known(rows: Sequence[SeriesRows], frame: pd.DataFrame, spec: DataSpec) -> dict[str, str]:
    """Series that lack what is known ahead, or are of a kind that training never saw: id -> why."""
    lacks = missing_known(frame, spec.known, rows, spec.time) if spec.known else {}
    return lacks | (unseen_static(frame, spec.known, rows) if any(one.static for one in spec.known) else {})


def _unusable(
    rows: Sequence[SeriesRows], frame: pd.DataFrame, spec: DataSpec, values: npt.NDArray[np.float64]
) -> dict[str, str]:
    """Series with an entry that cannot be used: id -> which entry, and what to do."""
    found = {}
    for one in rows:
        if not np.isinf(values[one.rows]).any() and (spec.target_kind == "level" or not (values[one.rows] <= 0).any()):
            continue
        looked_at = np.zeros(len(frame), dtype=np.bool_)
        looked_at[one.rows] = True
        try:
            _check_finite(frame, spec, values, looked_at)
            _check_positive(frame, spec, values, looked_at)
        except SSSDError as error:
            found[one.id] = str(error)
    return found


def _tell_left_out(source: str, left_out: Mapping[str, str], others: bool) -> None:
    """Warn, or raise SSSDError where there are no ``others``."""
    # What a check says by itself begins with the file, and names the series.
    named = [
        reason.removeprefix(f"{source}: ") if f"series {name!r}" in reason or not name else f"series {name!r}: {reason}"
        for name, reason in left_out.items()
    ]
    if not others:
        raise SSSDError(f"{source}: {named[0]}{_more(len(named) - 1)}")
    warnings.warn(
        f"{source}: left out: {'; '.join(named[:_NAMED])}{_more(len(named) - _NAMED)}", LeftOutWarning, stacklevel=3
    )


def _tell_notes(source: str, notes: Mapping[str, str]) -> None:
    for name, note in list(notes.items())[:1]:
        series = f"series {name!r}: " if name else ""
        warnings.warn(f"{source}: {series}{note}{_more(len(notes) - 1)}", DataWarning, stacklevel=3)


def _more(series: int) -> str:
    return f"; and {series} more series" if series > 0 else ""


def _lookback(spec: DataSpec) -> int:
    """Base bars that a window reaches back."""
    return max(one.lookback * one.seconds // spec.bar_seconds for one in spec.timeframes)


def _series(
    rows: SeriesRows, values: npt.NDArray[np.float64], known: npt.NDArray[np.float64], spec: DataSpec, row_seconds: int
) -> Series:
    times = row_starts(rows.times, Length(row_seconds, spec.bar_months), spec.timestamps)
    told, count = np.concatenate([values, known], axis=1)[rows.rows], len(spec.columns)
    if not (spec.bar_months or spec.bar_seconds == row_seconds == spec.source_seconds):
        last = times[observed_rows(~np.isnan(told[:, :count])) - 1] + row_seconds
        bars = resample(times, told, (*spec.roles, *["value"] * known.shape[1]), spec.bar_seconds, row_seconds)
        over = bars.known <= (times[-1] + row_seconds if known.shape[1] else last)
        times, told = bars.starts[over], bars.values[over]
        told[times + spec.bar_seconds > last, :count] = np.nan  # a bar that is not over is not known
    if spec.gaps == "missing":
        times, told = with_missing_rows(times, told, spec.bar)
    here = observed_rows(~np.isnan(told[:, :count]))
    return Series(rows.id, times[:here], told[:here, :count], _ahead(times, told[:, count:], here, spec))


def _ahead(
    times: npt.NDArray[np.int64], known: npt.NDArray[np.float64], here: int, spec: DataSpec
) -> npt.NDArray[np.float64]:
    """Numbers known of all rows ``(n + m, P)``; of rows that are missing those of the last before them.

    Holidays and what is constant need no rows: they are known of the bars to come.
    """
    if not known.size:
        return known
    if all(one.country or one.static for one in spec.known):
        coming = future_times(times[:here], spec.bar, max(spec.horizons))
        every = pd.Series(np.concatenate([times[:here], coming]).astype("datetime64[s]")).dt.tz_localize("UTC")
        columns = [
            holiday_column(every, one.country, spec.written_zone)
            if one.country
            else np.full(len(every), known[0, place])
            for place, one in enumerate(spec.known)
        ]
        return np.stack(columns, axis=1)
    return last_observed(known)


def _check_finite(
    frame: pd.DataFrame, spec: DataSpec, values: npt.NDArray[np.float64], looked_at: npt.NDArray[np.bool_]
) -> None:
    bad = np.argwhere(np.isinf(values) & looked_at[:, None])
    if len(bad):
        row, column = bad[0]
        raise SSSDError(
            f"{_place(frame, spec, row, column)}: the value is infinite; correct it, or leave the cell empty"
        )


def _tell_filled(series: Sequence[Series], spec: DataSpec, source: str) -> None:
    """A word where values are missing, and were not in training: the model's spread is of whole windows."""
    missing = sum(int(np.isnan(one.values).sum()) for one in series)
    if missing and not spec.holes:
        warnings.warn(
            f"{source}: {missing:,} values are missing, and none was in training: they are filled from the others of"
            " their window; a model that is trained on data with holes knows how unsure that makes it",
            DataWarning,
            stacklevel=3,
        )


def _check_positive(
    frame: pd.DataFrame, spec: DataSpec, values: npt.NDArray[np.float64], looked_at: npt.NDArray[np.bool_]
) -> None:
    """Returns are taken of every column but volumes, the target's reference among them."""
    if not spec.in_logs:
        return
    bad = np.argwhere((values <= 0) & looked_at[:, None] & [role != "volume" for role in spec.roles])
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
