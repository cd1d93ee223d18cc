"""Windows: what the model sees at one forecast origin, the last complete bars of every timeframe."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import DAY
from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.data.source import WindowSource as WindowSource
from sssd_registry.data.source import window_source as window_source
from sssd_registry.errors import DataWarning, LeftOutWarning, SSSDError, some

# Of a window's values of a target: less says nothing of it.
_LEAST_OBSERVED = 0.05
# Name, among a window's values, of what is known of the bars to come.
KNOWN = "known"


@dataclass(frozen=True)
class Windows:
    """B windows of raw bars, in data units, as the encoder and the engine take them.

    The last row of the base (finest) timeframe is the origin: the last bar that is known.

    Attributes:
        values: timeframe name -> float64 ``(B, L_tf, V)``, columns in the order of ``DataSpec.columns``; NaN where one
            is missing. Then the P numbers that are known ahead; of the bars to come these are under ``known``,
            ``(B, H, P)`` as far as the farthest horizon.
        times: timeframe name -> int64 ``(B, L_tf)``, start of each bar, seconds since 1970 UTC.
        series: object ``(B,)``, the id of each window's series (``""`` in a frame without ids).
        streams: uint64 ``(B,)``, number of the noise that each window is forecast with; None for its position.
    """

    values: Mapping[str, npt.NDArray[np.float64]]
    times: Mapping[str, npt.NDArray[np.int64]]
    series: npt.NDArray[np.object_]
    streams: npt.NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.series)

    def part(self, start: int, stop: int) -> Windows:
        """Windows ``start`` to ``stop``, as in a slice."""
        values = {name: array[start:stop] for name, array in self.values.items()}
        times = {name: array[start:stop] for name, array in self.times.items()}
        streams = None if self.streams is None else self.streams[start:stop]
        return Windows(values, times, self.series[start:stop], streams)

    def numbers(self, first: int) -> int | list[int]:
        """Numbers of these windows' noise, as :func:`~sssd_engine.noise.draw_noise` takes them.

        Args:
            first: the number of their first one among all, where they are numbered by their positions.
        """
        return first if self.streams is None else self.streams.tolist()


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
        raise SSSDError(_too_short(source, short.tolist(), 0))
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
    if source.spec.known:
        values[KNOWN] = _known_at(source, origins, max(source.spec.horizons))
    ids = np.array([series.id for series in source.panel.series], dtype=object)
    return Windows(values, times, ids[origins.series])


def _known_at(source: WindowSource, origins: Origins, longest: int) -> npt.NDArray[np.float64]:
    """Numbers known of the bars after each origin, ``(B, H, P)``; NaN of those for which no row was given."""
    ahead = origins.row[:, None] + np.arange(1, longest + 1)  # (B, H)
    count = np.diff(source.known_offsets)[origins.series]
    given = ahead < count[:, None]
    rows = source.known_offsets[origins.series][:, None] + np.minimum(ahead, count[:, None] - 1)
    return np.where(given[..., None], source.known[rows], np.nan)


def without_unknown(source: WindowSource, origins: Origins, longest: int) -> Origins:
    """The origins after which is told what has to be known of ``longest`` bars; warns of series that are left out.

    Raises:
        SSSDError: there is none: names the series, the columns and the rows that are needed.
    """
    if not source.spec.known:
        return origins
    lacks = np.isnan(_known_at(source, origins, longest)).any(axis=2).sum(axis=1)  # (B,)
    short = np.flatnonzero(lacks)
    if not len(short):
        return origins
    first = int(short[0])
    name = source.panel.series[origins.series[first]].id
    told = [one.column for one in source.spec.known if one.country is None and not one.static]
    more = f", and of {len(short) - 1} more series some" if len(short) > 1 else ""
    message = (
        f"{f'series {name!r}: ' if name else ''}{lacks[first]} of the {longest} rows to be forecast are missing{more};"
        f" {some(list(dict.fromkeys(told)))} (data.known) have to be known of each: add rows after the last one, with"
        f" {some(source.spec.targets)} left empty, or ask for shorter horizons"
    )
    if len(short) == len(origins):
        raise SSSDError(f"{source.panel.source}: {message}")
    warnings.warn(f"{source.panel.source}: left out: {message}", LeftOutWarning, stacklevel=3)
    return origins.take(lacks == 0)


def futures_at(source: WindowSource, origins: Origins, horizons: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the levels of the targets: float64 ``(B, K, C)``; a draw for those that are missing.

    Args:
        horizons: K horizons in bars.

    Raises:
        SSSDError: a series ends before the farthest horizon.
    """
    if (origins.row + max(horizons) >= source.lengths[origins.series]).any():
        raise SSSDError(f"fewer than {max(horizons)} bars after an origin; take all_origins(max_horizon=…)")
    rows = (source.offsets[origins.series] + origins.row)[:, None] + np.asarray(horizons, dtype=np.int64)
    futures: npt.NDArray[np.float64] = source.futures[rows]  # (B, K, C)
    return futures


def observed_at(source: WindowSource, origins: Origins, horizons: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Tell which of :func:`futures_at` were observed: bool ``(B, K, C)``."""
    rows = (source.offsets[origins.series] + origins.row)[:, None] + np.asarray(horizons, dtype=np.int64)
    observed: npt.NDArray[np.bool_] = source.observed[rows]
    return observed


def history_at(source: WindowSource, origins: Origins, length: int) -> npt.NDArray[np.float64]:
    """The last ``length`` target levels up to and including the origin, float64 ``(B, length, C)``.

    Where a series begins later than that, its first level stands for those before it; for a missing one the last
    before it.
    """
    rows = np.maximum(origins.row[:, None] + np.arange(1 - length, 1), 0)  # (B, length)
    history: npt.NDArray[np.float64] = source.pasts[source.offsets[origins.series][:, None] + rows]
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
    reasons = {source.panel.series[i].id: _too_short(source, [i], max_horizon) for i in short.tolist()}
    message = f"{source.panel.source}: left out: {_too_short(source, short.tolist(), max_horizon)}"
    warnings.warn(message, LeftOutWarning, stacklevel=3)
    return reasons


def _utc(seconds: np.int64) -> str:
    return f"{str(seconds.astype('datetime64[s]')).replace('T', ' ')} UTC"


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
