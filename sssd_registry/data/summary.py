"""One line of what was understood of a file: what a wrong reading would show in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.columns import left_out
from sssd_registry.data.durations import DAY, format_duration
from sssd_registry.data.months import month_of
from sssd_registry.data.order import SeriesRows, series_rows
from sssd_registry.data.reading import reading_of, source_name
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import some

# Columns, targets and horizons in the line; of more, the first ones.
_SHOWN = 8
# Of a bar: a row that follows in less than this is one too many, not one of a short day.
_NEARER = 0.75


def summary(frame: pd.DataFrame, spec: DataSpec, split: tuple[int, int] | None = None) -> str:
    """Rows, series, time, bars and gaps, columns used and left out, targets, horizons, and the split if known.

    Args:
        frame: as :func:`~sssd_registry.data.frame.read_frame` gives it.
        spec: what it was, or is, taken for.
        split: starts of the validation and of the test part, seconds since 1970 UTC.
    """
    rows = series_rows(frame, spec.time, spec.id, broken={})
    told = [one.column for one in spec.known if one.country is None]
    parts = [
        f"{source_name(frame)}: {len(frame):,} rows" + (f" of {len(rows):,} series ({spec.id})" if spec.id else ""),
        _time(frame, spec, rows),
        _bars(spec, [one.times for one in rows]),
        *_missing(frame, spec),
        _columns(spec, left_out(frame, (*spec.columns, *told, spec.time, spec.id))),
        *_known(spec),
        f"forecast: {some(spec.targets, _SHOWN)} {_ahead(spec.horizons)} bars ahead",
    ]
    if split is not None:
        validation, test = (_moment(seconds) for seconds in split)
        parts.append(f"trained before {validation}, validated before {test}")
    return "; ".join(parts)


def _time(frame: pd.DataFrame, spec: DataSpec, rows: Sequence[SeriesRows]) -> str:
    """The column, how it was read, and its first and last entry."""
    notes = reading_of(frame).notes
    read = f" ({', '.join(notes)})" if notes else ""
    first, last = min(one.times[0] for one in rows), max(one.times[-1] for one in rows)
    return f"time {spec.time!r}{read} from {_moment(first)} to {_moment(last)} UTC"


def _bars(spec: DataSpec, times: Sequence[npt.NDArray[np.int64]]) -> str:
    """Describe the bars: their length, and where there is none."""
    text = f"bars of {spec.bar}" if spec.bar == spec.step else f"rows of {spec.step} in bars of {spec.bar}"
    if spec.week:
        text += " on business days" if spec.week == 5 else f" on {spec.week} days of the week"
    apart = np.concatenate([np.diff(one) for one in times])
    if spec.bar_months:  # a month may be a day or two longer than another
        months = np.concatenate([np.diff(month_of(one)) for one in times])
        gaps, nearer = apart[months > spec.bar_months], int((months < spec.bar_months).sum())
    else:
        gaps, nearer = apart[apart > spec.source_seconds], int((apart < _NEARER * spec.source_seconds).sum())
    if nearer and spec.bar == spec.step:
        text += f", {nearer:,} of them nearer to the one before"
    if not len(gaps):
        return f"{text}, no gaps"
    longest = int(gaps.max())
    size = f"{longest / DAY:.3g} d" if longest >= DAY else format_duration(longest)
    what = "gaps of missing rows" if spec.gaps == "missing" else "gaps"
    return f"{text}, {len(gaps):,} {what}, the longest {size}"


def _missing(frame: pd.DataFrame, spec: DataSpec) -> list[str]:
    """Words on cells that are empty."""
    empty = frame[list(spec.columns)].isna().sum()
    named = [f"{name} {count / len(frame):.2g}" for name, count in empty.items() if count]
    return [f"missing values, as a share: {some(named, _SHOWN)}"] if named else []


def _columns(spec: DataSpec, omitted: Mapping[str, str]) -> str:
    text = f"columns {some(spec.columns, _SHOWN)}"
    if not omitted:
        return text
    reasons = [f"{name} ({why})" for name, why in omitted.items()]
    return f"{text}; left out: {some(reasons, _SHOWN, length=100)}"


def _known(spec: DataSpec) -> list[str]:
    """Words on what is known ahead, and on what is constant within a series."""
    ahead = [one.column for one in spec.known if one.country is None and not one.static]
    holidays = [f"holidays of {one.country}" for one in spec.known if one.country is not None]
    named = list(dict.fromkeys([*ahead, *holidays]))
    constant = list(dict.fromkeys(one.column for one in spec.known if one.static))
    found = [("known ahead", named), ("constant within a series", constant)]
    return [f"{what}: {some(names, _SHOWN)}" for what, names in found if names]


def _ahead(horizons: Sequence[int]) -> str:
    if len(horizons) > 2 and horizons == tuple(range(horizons[0], horizons[-1] + 1)):
        return f"{horizons[0]} to {horizons[-1]}"
    return some(horizons, _SHOWN)


def _moment(seconds: int | np.int64) -> str:
    """``2024-01-31``, with the time of day where that is not midnight."""
    moment = np.datetime64(int(seconds), "s")
    day = moment.astype("datetime64[D]")
    return str(day) if moment == day else str(moment.astype("datetime64[m]")).replace("T", " ")
