"""A panel resampled once to every timeframe, and what of it is known at each bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sssd_registry.data.holes import imputed, last_observed
from sssd_registry.data.panel import Panel, Series
from sssd_registry.data.resample import Bars, resample
from sssd_registry.data.spec import DataSpec, Timeframe


@dataclass(frozen=True)
class Table:
    """M bars of one timeframe, one series after the other, and which of them are known at each base bar.

    Attributes:
        starts: int64 ``(M,)``.
        values: float64 ``(M, V + P)``: of each bar what is known ahead, too.
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
        futures: float64 ``(N, C)``, the targets' levels at the base bars; of those that are missing, a draw of what
            they may have been (:func:`sssd_registry.data.holes.imputed`).
        pasts: ``(N, C)``, the same with the last one observed in their place.
        observed: bool ``(N, C)``, which are neither.
        known: float64 ``(N', P)``, what is known ahead of each bar of each series, and of those after it.
        known_offsets: int64 ``(series + 1,)``, position of each series' first bar in ``known``.
    """

    panel: Panel
    spec: DataSpec
    offsets: npt.NDArray[np.int64]
    tables: Mapping[str, Table]
    futures: npt.NDArray[np.float64]
    pasts: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]
    known: npt.NDArray[np.float64]
    known_offsets: npt.NDArray[np.int64]

    @cached_property
    def complete(self) -> bool:
        """Tell whether every target was observed at every base bar."""
        return bool(self.observed.all())

    @property
    def base(self) -> Table:
        """The base bars."""
        return self.tables[self.spec.base.name]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Bars of each series."""
        return np.diff(self.offsets)


def window_source(panel: Panel, spec: DataSpec) -> WindowSource:
    """Resample ``panel`` to the timeframes of ``spec``.

    A bar is known at an origin when the bar's end is not later than the origin bar's end: only time decides.
    """
    lengths = [len(series.times) for series in panel.series]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tables = {timeframe.name: _table(panel, spec, timeframe) for timeframe in spec.timeframes}
    each_known = [series.known for series in panel.series]
    ahead = np.cumsum([0] + [len(one) for one in each_known])
    levels = tables[spec.base.name].values[:, list(spec.target_indices)]  # (N, C)
    observed = ~np.isnan(levels)
    futures, pasts = levels, levels
    if not observed.all():
        log = spec.in_logs
        each = [levels[first:last] for first, last in pairwise(offsets)]
        futures = np.concatenate([imputed(one, spec.season, log=log) for one in each])
        pasts = np.concatenate([last_observed(one) for one in each])
    return WindowSource(panel, spec, offsets, tables, futures, pasts, observed, np.concatenate(each_known), ahead)


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
        return Bars(series.times, series.times + spec.bar_seconds, _told(series, spec))
    roles = (*spec.roles, *["value" for _ in spec.known])
    return resample(series.times, _told(series, spec), roles, timeframe.seconds, spec.bar_seconds)


def _told(series: Series, spec: DataSpec) -> npt.NDArray[np.float64]:
    """Values, and what is known ahead, of each bar."""
    if not spec.known:
        return series.values
    return np.concatenate([series.values, series.known[: len(series.times)]], axis=1)
