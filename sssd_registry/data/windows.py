"""Windows: what the model sees at one forecast origin, the last complete bars of every timeframe."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.data.origins import Origins, too_short
from sssd_registry.data.source import WindowSource as WindowSource
from sssd_registry.data.source import window_source as window_source
from sssd_registry.errors import LeftOutWarning, SSSDError, some

# Name, among a window's values, of what is known of the bars to come.
KNOWN = "known"
# Name, among a window's tensors, of what is known of its base bars and of those to come: (B, L + H, P).
TOLD = "told"


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
            raise SSSDError(too_short(source, np.unique(origins.series).tolist(), 0))
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
