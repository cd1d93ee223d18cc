"""What the model sees at one forecast origin: the last complete bars of every timeframe."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.data.source import WindowSource as WindowSource
from sssd_registry.data.source import window_source as window_source
from sssd_registry.effective_windows import WindowPlaces
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


def all_origins(source: WindowSource, *, max_horizon: int = 0) -> Origins:
    """Every bar with a full lookback in every timeframe and ``max_horizon`` bars after it, ordered by time.

    Raises:
        SSSDError: there is none.
    """
    series = np.repeat(np.arange(len(source.lengths), dtype=np.int64), source.lengths)  # (N,)
    row = np.arange(len(series), dtype=np.int64) - source.offsets[series]
    chosen = np.flatnonzero(_ready(source) & (row + max_horizon < source.lengths[series]))
    if not len(chosen):
        raise SSSDError(_too_short(source, range(len(source.lengths)), max_horizon))
    chosen = chosen[np.argsort(source.base.starts[chosen], kind="stable")]
    return Origins(series[chosen], row[chosen])


def last_origins(source: WindowSource) -> Origins:
    """The last bar of every series: where a forecast starts.

    Raises:
        SSSDError: a series is too short for the lookback.
    """
    ready, lengths = _ready(source), source.lengths
    full = [n > 0 and ready[end - 1] for n, end in zip(lengths, source.offsets[1:], strict=True)]
    if not all(full):
        raise SSSDError(_too_short(source, np.flatnonzero(~np.array(full)).tolist(), 0))
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
    if (origins.row + max(horizons) >= source.lengths[origins.series]).any():
        raise SSSDError(f"fewer than {max(horizons)} bars after an origin; take all_origins(max_horizon=…)")
    rows = (source.offsets[origins.series] + origins.row)[:, None] + np.asarray(horizons, dtype=np.int64)
    futures: npt.NDArray[np.float64] = _levels(source)[rows]  # (B, K, C)
    return futures


def history_at(source: WindowSource, origins: Origins, length: int) -> npt.NDArray[np.float64]:
    """The last ``length`` target levels up to and including the origin, float64 ``(B, length, C)``.

    Where a series begins later than that, its first level stands for those before it.
    """
    rows = np.maximum(origins.row[:, None] + np.arange(1 - length, 1), 0)  # (B, length)
    history: npt.NDArray[np.float64] = _levels(source)[source.offsets[origins.series][:, None] + rows]
    return history


def data_digest(source: WindowSource) -> str:
    """SHA-256 of all times and values: what a checkpoint or a half-done comparison was made from."""
    digest = hashlib.sha256()
    for series in source.panel.series:
        digest.update(series.times.tobytes())
        digest.update(series.values.tobytes())
    return digest.hexdigest()


def origin_times(source: WindowSource, origins: Origins) -> npt.NDArray[np.datetime64]:
    """Start of each origin bar, UTC, ``datetime64[ns] (B,)``."""
    rows = source.offsets[origins.series] + origins.row
    seconds = source.base.starts[rows].astype("datetime64[s]")
    return np.asarray(seconds, dtype="datetime64[ns]")


def window_places(source: WindowSource, origins: Origins) -> WindowPlaces:
    """Where the windows that end at ``origins`` lie: how their scores' errors are told."""
    time = source.base.starts[source.offsets[origins.series] + origins.row]
    return WindowPlaces(origins.series, origins.row, time)


def _levels(source: WindowSource) -> npt.NDArray[np.float64]:
    return source.base.values[:, list(source.spec.target_indices)]


def _ready(source: WindowSource) -> npt.NDArray[np.bool_]:
    """Whether each of the N base bars has a full lookback in every timeframe."""
    full = [source.tables[frame.name].count >= frame.lookback for frame in source.spec.timeframes]
    return np.asarray(np.stack(full).all(axis=0), dtype=np.bool_)


def _too_short(source: WindowSource, series: Sequence[int], max_horizon: int) -> str:
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
