"""What the model sees at one forecast origin: the last complete bars of every timeframe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.data.panel import Panel, Series
from sssd_registry.data.resample import Bars, resample
from sssd_registry.data.spec import DataSpec, Timeframe
from sssd_registry.errors import SSSDError


@dataclass(frozen=True)
class Windows:
    """B windows of raw bars, in data units, as the encoder and the engine take them.

    The last row of the base (finest) timeframe is the origin: the last bar that is known.

    Attributes:
        values: timeframe name -> float64 ``(B, L_tf, V)``, columns in the order of ``DataSpec.columns``.
        times: timeframe name -> int64 ``(B, L_tf)``, start of each bar, seconds since 1970 UTC.
        series: object ``(B,)``, the id of each window's series (``""`` in a frame without ids).
    """

    values: Mapping[str, npt.NDArray[np.float64]]
    times: Mapping[str, npt.NDArray[np.int64]]
    series: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.series)

    def part(self, start: int, stop: int) -> Windows:
        """Windows ``start`` to ``stop``, as in a slice."""
        values = {name: array[start:stop] for name, array in self.values.items()}
        times = {name: array[start:stop] for name, array in self.times.items()}
        return Windows(values, times, self.series[start:stop])


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


@dataclass(frozen=True)
class Table:
    """M bars of one timeframe, one series after the other, and which of them are known at each base bar.

    Attributes:
        starts: int64 ``(M,)``.
        values: float64 ``(M, V)``.
        stop: int64 ``(N,)``, for each base bar the position after the last bar that is complete when it ends.
        count: int64 ``(N,)``, how many bars of its series that makes.
    """

    starts: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    stop: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowSource:
    """A panel resampled once to every timeframe.

    Attributes:
        offsets: int64 ``(series + 1,)``, position of each series' first bar among all N base bars.
        tables: timeframe name -> its bars; the base timeframe's are the panel's own.
    """

    panel: Panel
    spec: DataSpec
    offsets: npt.NDArray[np.int64]
    tables: Mapping[str, Table]


def window_source(panel: Panel, spec: DataSpec) -> WindowSource:
    """Resample ``panel`` to the timeframes of ``spec``.

    A bar is known at an origin when the bar's end is not later than the origin bar's end: only time decides.
    """
    lengths = [len(series.times) for series in panel.series]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tables = {timeframe.name: _table(panel, spec, timeframe) for timeframe in spec.timeframes}
    return WindowSource(panel, spec, offsets, tables)


def _table(panel: Panel, spec: DataSpec, timeframe: Timeframe) -> Table:
    bars = [_bars(series, spec, timeframe) for series in panel.series]
    counts = [
        np.searchsorted(one.known, series.times + spec.bar_seconds, side="right")
        for one, series in zip(bars, panel.series, strict=True)
    ]
    before = np.cumsum([0] + [len(one.starts) for one in bars[:-1]])
    return Table(
        starts=np.concatenate([one.starts for one in bars]),
        values=np.concatenate([one.values for one in bars]),
        stop=np.concatenate([count + first for count, first in zip(counts, before, strict=True)]),
        count=np.concatenate(counts),
    )


def _bars(series: Series, spec: DataSpec, timeframe: Timeframe) -> Bars:
    if timeframe.seconds == spec.bar_seconds:
        return Bars(series.times, series.times + spec.bar_seconds, series.values)
    return resample(series.times, series.values, spec.roles, timeframe.seconds, spec.bar_seconds)


def all_origins(source: WindowSource, *, max_horizon: int = 0) -> Origins:
    """Every bar with a full lookback in every timeframe and ``max_horizon`` bars after it, ordered by time.

    Raises:
        SSSDError: there is none.
    """
    ready = _ready(source)
    series, row = _series_and_row(source)
    lengths = np.diff(source.offsets)
    chosen = np.flatnonzero(ready & (row + max_horizon < lengths[series]))
    if not len(chosen):
        raise SSSDError(_too_short(source, range(len(lengths)), max_horizon))
    times = source.tables[source.spec.base.name].starts[chosen]
    chosen = chosen[np.argsort(times, kind="stable")]
    return Origins(series[chosen], row[chosen])


def last_origins(source: WindowSource) -> Origins:
    """The last bar of every series: where a forecast starts.

    Raises:
        SSSDError: a series is too short for the lookback.
    """
    lengths = np.diff(source.offsets)
    ready = _ready(source)
    short = [
        index
        for index, length in enumerate(lengths)
        if not length or not ready[source.offsets[index + 1] - 1]
    ]
    if short:
        raise SSSDError(_too_short(source, short, 0))
    return Origins(np.arange(len(lengths), dtype=np.int64), lengths - 1)


def windows_at(source: WindowSource, origins: Origins) -> Windows:
    """The windows that end at ``origins``.

    Raises:
        SSSDError: an origin without a full lookback in every timeframe.
    """
    rows = source.offsets[origins.series] + origins.row
    values, times = {}, {}
    for timeframe in source.spec.timeframes:
        table = source.tables[timeframe.name]
        if (table.count[rows] < timeframe.lookback).any():
            raise SSSDError(_too_short(source, np.unique(origins.series).tolist(), 0))
        at = table.stop[rows, None] + np.arange(-timeframe.lookback, 0)  # (B, L_tf)
        values[timeframe.name] = table.values[at]  # (B, L_tf, V)
        times[timeframe.name] = table.starts[at]
    ids = np.array([series.id for series in source.panel.series], dtype=object)
    return Windows(values, times, ids[origins.series])


def futures_at(source: WindowSource, origins: Origins, horizons: Sequence[int]) -> npt.NDArray[np.float64]:
    """What the targets came to be: levels, float64 ``(B, K, C)``.

    Args:
        horizons: K horizons in bars.

    Raises:
        SSSDError: a series ends before the farthest horizon.
    """
    if (origins.row + max(horizons) >= np.diff(source.offsets)[origins.series]).any():
        raise SSSDError(f"fewer than {max(horizons)} bars after an origin; take all_origins(max_horizon=…)")
    rows = (source.offsets[origins.series] + origins.row)[:, None] + np.asarray(horizons, dtype=np.int64)
    futures: npt.NDArray[np.float64] = _levels(source)[rows]  # (B, K, C)
    return futures


def history_at(source: WindowSource, origins: Origins, length: int) -> npt.NDArray[np.float64]:
    """The last ``length`` target levels up to and including the origin, float64 ``(B, length, C)``.

    Where a series begins later than that, its first level stands for those before it.
    """
    rows = (
        np.maximum(origins.row[:, None] + np.arange(1 - length, 1), 0)
        + source.offsets[origins.series][:, None]
    )
    history: npt.NDArray[np.float64] = _levels(source)[rows]  # (B, length, C)
    return history


def origin_times(source: WindowSource, origins: Origins) -> npt.NDArray[np.datetime64]:
    """Start of each origin bar, UTC, ``datetime64[ns] (B,)``."""
    rows = source.offsets[origins.series] + origins.row
    seconds = source.tables[source.spec.base.name].starts[rows].astype("datetime64[s]")
    return np.asarray(seconds, dtype="datetime64[ns]")


def _levels(source: WindowSource) -> npt.NDArray[np.float64]:
    return source.tables[source.spec.base.name].values[:, list(source.spec.target_indices)]


def _ready(source: WindowSource) -> npt.NDArray[np.bool_]:
    """Whether each of the N base bars has a full lookback in every timeframe."""
    full = [source.tables[frame.name].count >= frame.lookback for frame in source.spec.timeframes]
    return np.all(full, axis=0)


def _series_and_row(source: WindowSource) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    lengths = np.diff(source.offsets)
    series = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    return series, np.arange(source.offsets[-1], dtype=np.int64) - source.offsets[series]


def _too_short(source: WindowSource, series: Sequence[int], max_horizon: int) -> str:
    spec = source.spec
    # A coarser bar counts once it is over: at worst one more of it is needed than the lookback says.
    bars = [frame.lookback * frame.seconds // spec.bar_seconds for frame in spec.timeframes[:1]] + [
        (frame.lookback + 1) * frame.seconds // spec.bar_seconds - 1 for frame in spec.timeframes[1:]
    ]
    named = [(source.panel.series[index].id, len(source.panel.series[index].times)) for index in series]
    there = ", ".join(f"{f'series {name!r}' if spec.id else 'the data'} {count}" for name, count in named[:3])
    more = f" and {len(named) - 3} more series" if len(named) > 3 else ""
    lookbacks = ", ".join(f'"{frame.name}" = {frame.lookback}' for frame in spec.timeframes)
    ahead = f" and {max_horizon} ahead" if max_horizon else ""
    return (
        f"too few bars of {spec.base.name}: {there}{more}; up to {max(bars) + max_horizon} needed for the"
        f" lookbacks{ahead}; shrink data.timeframes, now {{{lookbacks}}}, or bring more rows"
    )
