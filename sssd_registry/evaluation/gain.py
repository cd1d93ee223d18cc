"""Gain of one forecaster over another on the same windows, and how sure it is: a bootstrap over series and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from sssd_registry.data.effective_windows import WindowPlaces

Array = npt.NDArray[np.float64]

# Resamples, and how many are held at once: 64 MB.
_RESAMPLES, _AT_ONCE = 2000, 1 << 23
# The central range of them that is told.
_LEVEL = 0.9
# Fewer series, and fewer blocks of time, tell nothing of chance.
_LEAST_CLUSTERS = 8


@dataclass(frozen=True)
class Gain:
    """Share by which a mean score is lower than another's, with its 90 % range.

    Attributes:
        share: above 0 is better; 0.04 is 4 %.
        low, high: the range; without end where there is too little to tell.
    """

    share: float
    low: float
    high: float

    @property
    def surely_better(self) -> bool:
        return self.low > 0

    @property
    def surely_worse(self) -> bool:
        return self.high < 0

    def __str__(self) -> str:
        side = "worse" if self.share < 0 else "better"
        sure = "surely" if self.surely_better or self.surely_worse else "not surely"
        ends = f"{self.low:.1%} to {self.high:.1%}" if np.isfinite(self.low) else "too few windows to tell"
        return f"{side} by {abs(self.share):.1%}, {sure} ({ends})"


def gain(scores: Array, baseline: Array, places: WindowPlaces, longest: float, seed: int = 0) -> Gain:
    """Compare two forecasters' scores ``(B,)``.

    Windows are clustered by series, and by blocks of time twice as long as the farthest horizon, since windows that
    overlap err together. Series and blocks are drawn anew, each by itself, and a window counts as often as its series
    times its block (Owen 2007, "The pigeonhole bootstrap"): what series have in common at a time, and what a series has
    in common with itself, both widen the range.

    Args:
        scores, baseline: lower is better.
        places: where the windows lie.
        longest: the farthest horizon, in bars.
        seed: of the resampling.
    """
    share = 1 - float(scores.mean() / baseline.mean())
    better, whole, counts = _tables(scores, baseline, places, longest)
    if max(whole.shape) < _LEAST_CLUSTERS:
        return Gain(share, -np.inf, np.inf)
    random = np.random.default_rng(seed)
    at_once = max(1, _AT_ONCE // max(whole.shape))
    shares = []
    for first in range(0, _RESAMPLES, at_once):
        count = min(at_once, _RESAMPLES - first)
        rows, columns = (_times_drawn(random, size, count) for size in whole.shape)
        summed = [np.einsum("rs,st,rt->r", rows, table, columns, optimize=True) for table in (better, whole, counts)]
        kept = summed[2] > 0
        shares.append(summed[0][kept] / summed[1][kept])
    low, high = np.quantile(np.concatenate(shares), [0.5 - _LEVEL / 2, 0.5 + _LEVEL / 2])
    wider = _widening(min(size for size in whole.shape if size > 1))
    return Gain(share, share - wider * (share - float(low)), share + wider * (float(high) - share))


def _widening(clusters: int) -> float:
    """Factor by which few clusters' resamples lie too close together: Student's quantile for the normal's."""
    level = 0.5 + _LEVEL / 2
    return float(stats.t.ppf(level, clusters - 1) / stats.norm.ppf(level) * np.sqrt(clusters / (clusters - 1)))


def _tables(scores: Array, baseline: Array, places: WindowPlaces, longest: float) -> tuple[Array, Array, Array]:
    """Sums over each series and block of time: of what is gained, of the baseline, and of windows."""
    series = np.unique(places.series, return_inverse=True)[1]
    block = np.unique(time_blocks(places, longest), return_inverse=True)[1]
    tables = np.zeros((3, series.max() + 1, block.max() + 1))
    for table, values in zip(tables, (baseline - scores, baseline, np.ones_like(baseline)), strict=True):
        np.add.at(table, (series, block), values)
    return tables[0], tables[1], tables[2]


def time_blocks(places: WindowPlaces, longest: float) -> npt.NDArray[np.int64]:
    """Number the blocks of time of windows: a block is twice as long as the farthest horizon takes in most series."""
    seconds = [
        np.ptp(places.time[rows]) / np.ptp(places.row[rows])
        for rows in (places.series == one for one in np.unique(places.series))
        if np.ptp(places.row[rows]) > 0
    ]
    length = max(1.0, 2 * longest * float(np.median(seconds))) if seconds else 1.0
    blocks: npt.NDArray[np.int64] = ((places.time - places.time.min()) // length).astype(np.int64)
    return blocks


def _times_drawn(random: np.random.Generator, size: int, count: int) -> Array:
    """Draw clusters anew: how often each of ``size`` comes, in each of ``count`` resamples; one alone always once."""
    if size == 1:
        return np.ones((count, 1))
    return random.multinomial(size, np.full(size, 1 / size), size=count).astype(np.float64)
