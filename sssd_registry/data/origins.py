"""Origins: the bars at which forecasts start, and which of a source have the past and the future that is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY
from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.data.source import WindowSource, window_source
from sssd_registry.errors import DataWarning, LeftOutWarning, SSSDError

# Of a window's values of a target: less says nothing of it.
_LEAST_OBSERVED = 0.05


@dataclass(frozen=True)
class Origins:
    """B forecast origins: the last bars that are known.

    Attributes:
        series: int64 ``(B,)``, index into ``Panel.series``.
        row: int64 ``(B,)``, row of the origin bar in that series.
    """

    series: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, indices: npt.NDArray[np.integer] | npt.NDArray[np.bool_] | slice) -> Origins:
        """The origins at ``indices``: positions, a mask or a slice."""
        return Origins(self.series[indices], self.row[indices])


def all_origins(source: WindowSource, *, max_horizon: int = 0) -> Origins:
    """Every bar with a full lookback in every timeframe and ``max_horizon`` bars after it, ordered by time.

    Raises:
        SSSDError: there is none.
    """
    series = np.repeat(np.arange(len(source.lengths), dtype=np.int64), source.lengths)  # (N,)
    row = np.arange(len(series), dtype=np.int64) - source.offsets[series]
    chosen = np.flatnonzero(_ready(source) & (row + max_horizon < source.lengths[series]))
    if not len(chosen):
        raise SSSDError(too_short(source, range(len(source.lengths)), max_horizon))
    chosen = chosen[np.argsort(source.base.starts[chosen], kind="stable")]
    return Origins(series[chosen], row[chosen])


def last_origins(source: WindowSource, *, every: bool = False) -> Origins:
    """The last bar of every series: where a forecast starts. A series too short for it is left out with a word.

    Args:
        every: a series that is left out is an error.

    Raises:
        SSSDError: no series is long enough for the lookback.
    """
    short = np.flatnonzero(~_servable(source, 0))
    left_out = dict(source.panel.left_out)
    if every and left_out:
        name, reason = next(iter(left_out.items()))
        raise SSSDError(f"{source.panel.source}: series {name!r}: {reason}")
    if len(short) == len(source.lengths) or (every and len(short)):
        raise SSSDError(too_short(source, short.tolist(), 0))
    if len(short):
        _tell_short(source, short, 0)
    series = np.setdiff1d(np.arange(len(source.lengths), dtype=np.int64), short)
    return Origins(series, source.lengths[series] - 1)


def without_short(source: WindowSource, max_horizon: int) -> WindowSource:
    """``source`` without the series that hold no window with ``max_horizon`` bars after it, with a word about them.

    As it is where all are too short: :func:`all_origins` says what they lack.
    """
    short = ~_servable(source, max_horizon)
    if not short.any() or short.all():
        return source
    reasons = _tell_short(source, np.flatnonzero(short), max_horizon)
    kept = tuple(series for series, lacks in zip(source.panel.series, short, strict=True) if not lacks)
    panel = replace(source.panel, series=kept, left_out={**source.panel.left_out, **reasons})
    return window_source(panel, source.spec)


def warn_of_early_ends(source: WindowSource, origins: Origins) -> None:
    """A word about series that end so long before the last one that their forecast is over when its begins."""
    spec, ends = source.spec, source.base.starts[source.offsets[origins.series] + origins.row]
    starts = np.unique(source.base.starts)  # of bars of any series: weekends do not count
    missed = len(starts) - np.searchsorted(starts, ends, side="right")
    late = missed > max(max(spec.horizons), DAY // spec.bar_seconds)
    if late.any():
        index = int(np.flatnonzero(late)[0])
        name = source.panel.series[origins.series[index]].id
        more = f", as do {late.sum() - 1} more series sooner than others" if late.sum() > 1 else ""
        warnings.warn(
            f"{source.panel.source}: series {name!r} ends at {_utc(ends[index])}{more}, and is forecast from there;"
            f" the last one ends at {_utc(ends.max())}",
            DataWarning,
            stacklevel=2,
        )


def origin_times(source: WindowSource, origins: Origins) -> npt.NDArray[np.datetime64]:
    """Start of each origin bar, UTC, ``datetime64[ns] (B,)``."""
    rows = source.offsets[origins.series] + origins.row
    seconds = source.base.starts[rows].astype("datetime64[s]")
    return np.asarray(seconds, dtype="datetime64[ns]")


def window_places(source: WindowSource, origins: Origins) -> WindowPlaces:
    """Return the places of the windows that end at ``origins``, which the standard errors of their scores depend on."""
    time = source.base.starts[source.offsets[origins.series] + origins.row]
    return WindowPlaces(origins.series, origins.row, time)


def _ready(source: WindowSource) -> npt.NDArray[np.bool_]:
    """Tell whether each of the N base bars has a full lookback in every timeframe."""
    full = [source.tables[frame.name].count >= frame.lookback for frame in source.spec.timeframes]
    if not source.complete:
        full.append(_says_something(source))
    return np.asarray(np.stack(full).all(axis=0), dtype=np.bool_)


def _says_something(source: WindowSource) -> npt.NDArray[np.bool_]:
    """Tell whether enough of every target was observed in the base window that ends at each of the N bars."""
    lookback = source.spec.base.lookback
    seen = np.concatenate([np.zeros((1, source.observed.shape[1]), dtype=np.int64), source.observed.cumsum(axis=0)])
    place = np.arange(len(source.observed))
    count = seen[place + 1] - seen[np.maximum(place + 1 - lookback, 0)]  # (N, C)
    return np.asarray((count >= max(2, _LEAST_OBSERVED * lookback)).all(axis=1), dtype=np.bool_)


def _servable(source: WindowSource, max_horizon: int) -> npt.NDArray[np.bool_]:
    """Tell whether each series has a window with ``max_horizon`` bars after it."""
    ready, ends = _ready(source), source.offsets[1:]
    last = ends - 1 - max_horizon
    inside = last >= source.offsets[:-1]
    return np.asarray(inside & ready[np.maximum(last, 0)], dtype=np.bool_) if len(ready) else inside


def _tell_short(source: WindowSource, short: npt.NDArray[np.intp], max_horizon: int) -> dict[str, str]:
    """Warn of the series at ``short``; id -> why each is left out."""
    reasons = {source.panel.series[i].id: too_short(source, [i], max_horizon) for i in short.tolist()}
    message = f"{source.panel.source}: left out: {too_short(source, short.tolist(), max_horizon)}"
    warnings.warn(message, LeftOutWarning, stacklevel=3)
    return reasons


def _utc(seconds: np.int64) -> str:
    return f"{str(seconds.astype('datetime64[s]')).replace('T', ' ')} UTC"


def too_short(source: WindowSource, series: Sequence[int], max_horizon: int) -> str:
    """Say what these series lack for a window with ``max_horizon`` bars after it."""
    spec = source.spec
    # A coarser bar counts once it is over: at worst one more of it is needed than the lookback says.
    coarser = [(one.lookback + 1) * one.seconds // spec.bar_seconds - 1 for one in spec.timeframes[1:]]
    needed = max(spec.base.lookback, *coarser, 1) + max_horizon
    named = [(source.panel.series[index].id, source.lengths[index]) for index in series]
    there = ", ".join(f"{f'series {name!r}' if spec.id else 'the data'} {count}" for name, count in named[:3])
    more = f" and {len(named) - 3} more series" if len(named) > 3 else ""
    lookbacks = ", ".join(f'"{frame.name}" = {frame.lookback}' for frame in spec.timeframes)
    ahead = f" and {max_horizon} ahead" if max_horizon else ""
    return (
        f"too few bars of {spec.base.name}: {there}{more}; up to {needed} needed for the"
        f" lookbacks{ahead}; shrink data.timeframes, now {{{lookbacks}}}, or bring more rows"
    )
