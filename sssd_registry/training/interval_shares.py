"""Intervals of a forecast: what they cover, and how wide and where they have to be to cover what they say.

Of each interval there is a half width and a middle, of each target a line over log horizons. Either is moved as far as
the shares of observations say it, less what chance may have in them: by ``1 - (error / deviation)²``, and not at all
where that is below 0 (James & Stein 1961). Errors are of means over windows, clustered by blocks of time twice as long
as the farthest horizon and by series (Cameron, Gelbach & Miller 2011, "Robust Inference With Multiway Clustering").
What few windows say, or one regime, is thus left alone. Targets are first taken together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.evaluation.gain import time_blocks

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

# Errors that a deviation is surely more than. A middle says which way a series went in the validation part, and that it
# was otherwise for near horizons than for far ones is said by fewer windows still.
_WIDTH, _MIDDLE, _TILT = 1.0, 2.0, 2.0
# Fewer clusters tell no error.
_LEAST_CLUSTERS = 6
_CHANCE = 0.95


@dataclass(frozen=True)
class Observed:
    """n windows at K horizons of C targets, in the standard units of their forecasts.

    Attributes:
        values: what came to be, ``(n, K, C)``.
        weights: how much each counts, ``(n, K, C)``.
        horizons: ``(K,)``, in bars.
        places: of the windows.
    """

    values: Array
    weights: Array
    horizons: Array
    places: WindowPlaces

    @property
    def clusters(self) -> list[Groups]:
        """Blocks of time, series, and both: numbers ``(n,)``."""
        block = time_blocks(self.places, float(self.horizons.max()))
        series = np.unique(self.places.series, return_inverse=True)[1].astype(np.int64)
        return [block, series, series * (block.max() + 1) + block]


@dataclass(frozen=True)
class Line:
    """Something of each target that is a line over log horizons: ``level + tilt · x``, each ``(C,)``."""

    level: Array
    tilt: Array
    mean: float
    spread: float

    def at(self, horizons: Array) -> Array:
        """``(K, C)``."""
        x = (np.log(horizons) - self.mean) / self.spread
        return self.level + self.tilt * x[:, None]


def fit_interval(low: Array, high: Array, level: float, half: float, seen: Observed) -> tuple[Line, Line]:
    """Middle and half width that an interval should have, where it has 0 and ``half``.

    Args:
        low, high: its ends, ``(n, K, C)`` or what broadcasts to it.
        level: share of observations that it should cover.
        half: its half width, in units that the result is in: of a standard normal.
        seen: what came to be.
    """
    place = half * (seen.values - (low + high) / 2) / ((high - low) / 2)
    tail = (1 - level) / 2
    middles = (_quantile(place, seen.weights, tail) + _quantile(place, seen.weights, 1 - tail)) / 2
    beyond: Array = (place <= -half).astype(np.float64) + (place <= half) - 1
    middle = _line(middles, beyond, _MIDDLE, seen)
    distance = np.abs(place - middle.at(seen.horizons))
    inside: Array = (distance <= half).astype(np.float64) - level
    wider = _line(_quantile(distance, seen.weights, level) - half, inside, _WIDTH, seen)
    return middle, Line(wider.level + half, wider.tilt, wider.mean, wider.spread)


def covered(low: Array, high: Array, seen: Observed) -> float:
    """Share of observations within an interval."""
    inside = (low <= seen.values) & (seen.values <= high)
    return float((inside * seen.weights).sum() / seen.weights.sum())


def _line(wanted: Array, deviations: Array, errors: float, seen: Observed) -> Line:
    """Line over log horizons: as much of ``wanted (K, C)`` as is sure.

    Args:
        wanted: what would cover as it should, of each horizon and target by itself.
        deviations: what is covered less what should be, of each observation ``(n, K, C)``.
        errors: that a deviation has to exceed.
        seen: the windows.
    """
    log = np.log(seen.horizons)
    mean, spread = float(log.mean()), float(log.std()) or 1.0
    x = (log - mean) / spread
    weighted = deviations * seen.weights / seen.weights.mean()
    clusters = seen.clusters
    lines = []
    for along, more in ((np.ones_like(x), errors), (x, max(errors, _TILT))):
        full = np.einsum("k,kc->c", along, wanted) / len(x)  # least squares: x has mean 0 and deviation 1
        dues = np.einsum("k,nkc->nc", along, weighted) / len(x)
        common, together = full.mean(), dues.mean(axis=1)
        lines.append(_sure(together, clusters, more) * np.full_like(full, common))
        if len(full) > 1:
            own = [_sure(one - together, clusters, more) for one in dues.T]
            lines[-1] += np.array(own) * (full - common)
    return Line(lines[0], lines[1], mean, spread)


def _sure(values: Array, clusters: list[Groups], errors: float) -> float:
    """Part of a deviation, the mean of ``values (n,)``, that is no chance: 0 to 1."""
    deviation = float(values.mean())
    if deviation == 0:
        return 0.0
    return float(np.clip(1 - errors**2 * _variance(values, clusters) / deviation**2, 0.0, 1.0))


def _variance(values: Array, clusters: list[Groups]) -> float:
    """Squared error of the mean of ``values``, infinite where there are too few clusters of either kind."""
    time, series, both = (_clustered(values, group) for group in clusters)
    if np.isfinite(time) and np.isfinite(series):
        return max(time + series - both, time, series)
    return min(time, series)


def _clustered(values: Array, groups: Groups) -> float:
    """The same by one kind of clusters, somewhat more where they are few."""
    number = np.unique(groups, return_inverse=True)[1]
    count = int(number.max()) + 1
    if count < _LEAST_CLUSTERS:
        return np.inf
    sums = np.bincount(number, weights=values - values.mean())
    wider = stats.t.ppf(_CHANCE, count - 1) / stats.norm.ppf(_CHANCE)
    return float((sums**2).sum() / len(values) ** 2 * count / (count - 1) * wider**2)


def _quantile(values: Array, weights: Array, level: float) -> Array:
    """Weighted quantile over windows, ``(K, C)``."""
    order = np.argsort(values, axis=0)
    below = np.take_along_axis(weights, order, axis=0).cumsum(axis=0)
    index = (below < level * below[-1:]).sum(axis=0)[None].clip(max=len(values) - 1)
    result: Array = np.take_along_axis(values, np.take_along_axis(order, index, axis=0), axis=0)[0]
    return result
