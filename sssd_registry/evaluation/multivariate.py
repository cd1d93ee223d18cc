"""Proper scores of whole paths: the energy score and the variogram score, a value for each window.

Both take C targets at K horizons for one vector of K·C entries; unlike CRPS they see whether the entries of a sample
belong together. Entries in different units are to be scaled before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Floats of one intermediate array: 32 MB, whatever the number of windows, samples and horizons.
_AT_ONCE = 1 << 22
# The same where arrays are gone over several times: 1 MB, which a processor's cache holds.
_IN_CACHE = 1 << 17
# The variogram score looks at no more horizons than these, evenly spaced, and no more pairs of a kind: pairs grow with
# the square of horizons and targets.
_MOST_HORIZONS, _MOST_PAIRS = 64, 1 << 14


def energy_score(samples: Array, y: Array) -> Array:
    """Energy score, ``E‖X - y‖ - E‖X - X'‖ / 2`` with the Euclidean norm over horizons and targets, without bias.

    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102, eq. 22, with
    its sign turned round. As in :func:`~sssd_registry.evaluation.scores.crps`, which it is where K·C is 1, the second
    mean is over pairs of different samples, so that the right distribution scores best whatever S is.

    Args:
        samples: ``(B, S, K, C)``, S at least 2.
        y: ``(B, K, C)``.

    Returns:
        float64 ``(B,)``, in the units of y; it grows with K·C as the norm does.
    """
    windows, size, *entries = samples.shape
    if size < 2:
        raise ValueError(f"the energy score is estimated from 2 samples or more, got {size}")
    length = math.prod(entries)
    batch = max(1, _AT_ONCE // (size * max(length, size)))
    result = np.empty(windows)
    for first in range(0, windows, batch):
        chunk = slice(first, first + batch)
        errors = (samples[chunk] - y[chunk, None]).reshape(-1, size, length)
        result[chunk] = np.sqrt((errors**2).sum(axis=2)).mean(axis=1) - _mean_distance(errors) / 2
    return result


def _mean_distance(points: Array) -> Array:
    """Mean distance of two different ones of S points ``(B, S, D)``: ``(B,)``."""
    windows, size, _ = points.shape
    centred = points - points.mean(
        axis=1, keepdims=True
    )  # ‖a - b‖² = ‖a‖² + ‖b‖² - 2 a·b loses the fewest digits there
    squares = (centred**2).sum(axis=2)  # (B, S)
    total = np.zeros(windows)
    at_once = max(1, _AT_ONCE // (windows * size))
    for first in range(0, size, at_once):
        rows = np.arange(first, min(first + at_once, size))
        products = centred[:, rows] @ centred.transpose(0, 2, 1)  # (B, rows, S)
        distances = np.maximum(squares[:, rows, None] + squares[:, None] - 2 * products, 0.0)
        distances[:, np.arange(len(rows)), rows] = 0.0  # of a point from itself, but for rounding
        total += np.sqrt(distances, out=distances).sum(axis=(1, 2))
    result: Array = total / (size * (size - 1))
    return result


@dataclass(frozen=True)
class VariogramPairs:
    """Pairs of entries that the variogram score looks at, and their weights, which sum to 1.

    Attributes:
        first, second: int64 ``(P,)``, each an entry ``k C + c`` of the vector of K·C.
        weight: float64 ``(P,)``.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    weight: Array

    def matrix(self, entries: int) -> Array:
        """Weights of all pairs in both orders, ``(entries, entries)``, the sum of which is 1."""
        weights = np.zeros((entries, entries))
        weights[self.first, self.second] = self.weight / 2
        return weights + weights.T


def variogram_pairs(horizons: Sequence[float], targets: int) -> VariogramPairs:
    """Pairs of horizons of one target, and of targets at one horizon.

    A target's horizons weigh one over the bars between them, as Scheuerer and Hamill (2015, section 4) weigh
    stations by their distance: what is near depends on one another most. Two targets at one horizon all weigh the
    same. Where there are both kinds, each has half of the weight. Of more than 64 horizons 64 are looked at, and of
    more than 16,384 pairs of a kind so many, drawn once and the same for all: the score stays proper with any weights.
    """
    bars = np.asarray(horizons, dtype=np.float64)
    looked = np.unique(np.linspace(0, len(bars) - 1, min(len(bars), _MOST_HORIZONS)).round().astype(np.int64))
    first, second = (looked[index] for index in np.triu_indices(len(looked), 1))
    lags = np.maximum(np.abs(bars[first] - bars[second]), 1.0)
    columns = np.arange(targets)
    left, right = np.triu_indices(targets, 1)
    near = _thinned(_entries(first, columns, targets), _entries(second, columns, targets), np.repeat(1 / lags, targets))
    equal = np.ones(len(looked) * len(left))
    same = _thinned(_entries(looked, left, targets), _entries(looked, right, targets), equal)
    kinds = [kind for kind in (near, same) if len(kind.weight)]
    if not kinds:
        return VariogramPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    weight = np.concatenate([kind.weight / (kind.weight.sum() * len(kinds)) for kind in kinds])
    one, two = (np.concatenate([getattr(kind, name) for kind in kinds]) for name in ("first", "second"))
    return VariogramPairs(one, two, weight)


def _entries(horizons: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], targets: int) -> npt.NDArray[np.int64]:
    """Each horizon with each column, as entries of the vector."""
    result: npt.NDArray[np.int64] = np.add.outer(horizons * targets, columns).ravel()
    return result


def _thinned(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], weight: Array) -> VariogramPairs:
    """All pairs, or as many as are looked at; weights as they were."""
    if len(weight) <= _MOST_PAIRS:
        return VariogramPairs(first, second, weight)
    kept = np.sort(np.random.default_rng(0).choice(len(weight), _MOST_PAIRS, replace=False))
    return VariogramPairs(first[kept], second[kept], weight[kept])


def variogram_score(samples: Array, y: Array, pairs: VariogramPairs) -> Array:
    """Variogram score of order p = 0.5, ``Σ_ij w_ij (|y_i - y_j|^p - E|X_i - X_j|^p)²``, without bias.

    Scheuerer and Hamill (2015), "Variogram-based proper scoring rules for probabilistic forecasts of multivariate
    quantities", Monthly Weather Review 143, eq. 12. It tells wrong dependence better than the energy score does, and
    knows no shift of all entries. The square of a mean over S samples is too large by the mean's variance, which is
    taken off, so that the right distribution scores best whatever S is.

    Args:
        samples: ``(B, S, K, C)``, S at least 2; of targets whose levels lie apart, changes since the origin.
        y: ``(B, K, C)``.
        pairs: which entries, and how they weigh.

    Returns:
        float64 ``(B,)``, in the units of y, as weights sum to 1; 0 where there are no pairs.
    """
    windows, size, *entries = samples.shape
    if size < 2:
        raise ValueError(f"the variogram score is estimated from 2 samples or more, got {size}")
    length = math.prod(entries)
    batch = max(1, _IN_CACHE // (size * length))
    result = np.zeros(windows)
    for window in range(0, windows, batch):
        chunk = slice(window, window + batch)
        observed = y[chunk].reshape(-1, length)
        drawn = np.ascontiguousarray(
            samples[chunk].reshape(len(observed), size, length).transpose(0, 2, 1)
        )  # (b, D, S)
        at_once = max(1, _IN_CACHE // (len(observed) * size))
        for begin in range(0, len(pairs.weight), at_once):
            block = slice(begin, begin + at_once)
            first, second = pairs.first[block], pairs.second[block]
            roots = np.sqrt(np.abs(drawn[:, first] - drawn[:, second]))  # (b, P, S)
            excess = (np.sqrt(np.abs(observed[:, first] - observed[:, second])) - roots.mean(axis=2)) ** 2
            result[chunk] += (excess - roots.var(axis=2, ddof=1) / size) @ pairs.weight[block]
    return result
