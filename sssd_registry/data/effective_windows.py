"""Number of independent windows that some overlapping windows of several series are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WindowPlaces:
    """Places of B windows: series, row and time.

    Attributes:
        series: int64 ``(B,)``, which series each is of.
        row: int64 ``(B,)``, its origin, as a bar of that series.
        time: int64 ``(B,)``, the same in seconds: what windows of several series have in common.
    """

    series: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)


def one_series(count: int, stride: int = 1) -> WindowPlaces:
    """``count`` windows of one series, ``stride`` bars from each to the next."""
    rows = stride * np.arange(count, dtype=np.int64)
    return WindowPlaces(np.zeros_like(rows), rows, rows)


def effective_windows(values: Array, horizons: Sequence[float], places: WindowPlaces) -> Array:
    """Count the independent windows that would tell the mean of ``values (B, K)`` as surely: ``(K,)``, from 1 to B.

    At horizon h a series' windows, which overlap, count as one in h bars. Series count for one another's copies as far
    as their values at the same time are alike. N of them count as ``N / (1 + (N - 1) r)``, r the intraclass
    correlation (the design effect: Kish 1965, "Survey Sampling", section 5.4). Four hundred unrelated series are
    four hundred observations, and a hundred rates that move together are one.
    """
    counts = _apart(np.asarray(horizons, dtype=np.float64), places)
    _, when = np.unique(places.time, return_inverse=True)
    together = np.bincount(when)
    if together.max() == 1 or len(together) == 1:
        return counts  # no two windows at one time, or all: nothing tells what a time has in common
    alike = np.array([_intraclass(column, when, together) for column in values.T])
    size = len(places) / len(together)  # windows at a time
    effective: Array = np.maximum(counts / (1 + (size - 1) * alike), 1.0)
    return effective


def _apart(horizons: Array, places: WindowPlaces) -> Array:
    """Windows that do not overlap, of all series together, ``(K,)``."""
    order = np.lexsort((places.row, places.series))
    series, row = places.series[order], places.row[order]
    first = np.flatnonzero(np.diff(series, prepend=series[:1] - 1))
    count = np.diff(np.append(first, len(series)))  # of each series
    span = row[first + count - 1] - row[first]
    stride = np.where(count > 1, span / np.maximum(count - 1, 1), np.inf)  # bars from a window to the next
    shares = np.minimum(1.0, stride[:, None] / horizons)  # (series, K)
    apart: Array = np.maximum(count[:, None] * shares, 1.0).sum(axis=0)
    return apart


def _intraclass(values: Array, group: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> float:
    """Correlation of ``values (B,)`` within a group, by one-way analysis of variance; 0 where it is negative."""
    total, groups = len(values), len(sizes)
    if total == groups:
        return 0.0
    means = np.bincount(group, weights=values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (groups - 1)
    within = float(((values - means[group]) ** 2).sum()) / (total - groups)
    typical = (total - float((sizes**2).sum()) / total) / (groups - 1)
    spread = between + (typical - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else 0.0
