"""Calibration: whether what came to be falls where a forecast says it does as often as it says, horizon by horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_registry.data.effective_windows import WindowPlaces, effective_windows, one_series
from sssd_registry.evaluation.scores import without_missing

Array = npt.NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9)
BINS = 10
# Of calibrated forecasts so many shares lie within a band.
_CHANCE = 0.95


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration of one forecaster over B windows at K horizons, all targets together.

    A band is where 95 % of a calibrated forecaster's shares would lie, if it had been asked as often as there are
    independent windows (:func:`~sssd_registry.data.effective_windows.effective_windows`).

    Attributes:
        horizons: K, in bars.
        pit: shares of the probability integral transform in ten equal bins, ``(K, 10)``; each is 0.1 where forecasts
            are calibrated. Hills are too wide forecasts, valleys too narrow ones, slopes are bias.
        pit_band: of each share, ``(K, 2)``.
        pooled: the same over all horizons, ``(10,)``.
        pooled_band: of each share, ``(2,)``.
        coverage: level of a central interval -> share of observations within it, ``(K,)``.
        coverage_band: level -> ``(K, 2)``.
    """

    horizons: tuple[float, ...]
    pit: Array
    pit_band: Array
    pooled: Array
    pooled_band: Array
    coverage: dict[float, Array]
    coverage_band: dict[float, Array]

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON; levels as text."""
        return {
            "horizons": list(self.horizons),
            "pit": self.pit.tolist(),
            "pit_band": self.pit_band.tolist(),
            "pooled_pit": self.pooled.tolist(),
            "pooled_pit_band": self.pooled_band.tolist(),
            "coverage": {f"{level:g}": shares.tolist() for level, shares in self.coverage.items()},
            "coverage_band": {f"{level:g}": band.tolist() for level, band in self.coverage_band.items()},
        }


def calibration(
    samples: Array, y: Array, horizons: Sequence[float], *, places: WindowPlaces | None = None
) -> Calibration:
    """Count where ``y`` falls in the forecasts.

    Args:
        samples: ``(B, S, K, C)``.
        y: what came to be, ``(B, K, C)``; NaN where it is missing, which is not counted.
        horizons: K, in bars.
        places: where the windows lie; default: one series, a window for each bar.
    """
    places = one_series(len(y)) if places is None else places
    values = np.where(np.isnan(y), np.nan, pit(samples, y))  # (B, K, C)
    counts = effective_windows(without_missing(values).mean(axis=2), horizons, places)  # (K,)
    shares = np.stack([_histogram(values[:, k]) for k in range(len(horizons))])
    coverage, bands = {}, {}
    for level in LEVELS:
        low, high = np.quantile(samples, [0.5 - level / 2, 0.5 + level / 2], axis=1, method="weibull")
        inside = without_missing(np.where(np.isnan(y), np.nan, (low <= y) & (y <= high))).mean(axis=2)  # (B, K)
        coverage[level] = inside.mean(axis=0)
        bands[level] = chance_band(level, effective_windows(inside, horizons, places))
    # Horizons are one another's copies: a mean's error is at most the mean of the errors.
    pooled = np.array([1 / np.mean(1 / np.sqrt(counts)) ** 2])
    return Calibration(
        horizons=tuple(float(h) for h in horizons),
        pit=shares,
        pit_band=chance_band(1 / BINS, counts),
        pooled=_histogram(values),
        pooled_band=chance_band(1 / BINS, pooled)[0],
        coverage=coverage,
        coverage_band=bands,
    )


def pit(samples: Array, y: Array, seed: int = 0) -> Array:
    """Probability integral transform of ``y (B, K, C)`` by its rank among ``samples (B, S, K, C)``; same shape as y.

    ``(#{x < y} + v (#{x = y} + 1)) / (S + 1)`` with v uniform on [0, 1): uniform where y is one more sample. (Ranks
    drawn at random within ties: Czado, Gneiting and Held 2009, "Predictive model assessment for count data",
    Biometrics 65.)
    """
    below = (samples < y[:, None]).sum(axis=1)
    equal = (samples == y[:, None]).sum(axis=1)
    v = np.random.default_rng(seed).random(y.shape)
    result: Array = (below + v * (equal + 1)) / (samples.shape[1] + 1)
    return result


def chance_band(share: float, counts: Array) -> Array:
    """Central 95 % of the shares that binomial counts of so many independent observations have, ``(K, 2)``.

    Args:
        share: what is expected of each observation.
        counts: K numbers of observations, rounded down.
    """
    from scipy.stats import binom

    whole = np.maximum(np.floor(counts), 1)[:, None]  # (K, 1)
    ends = np.array([(1 - _CHANCE) / 2, (1 + _CHANCE) / 2])
    result: Array = binom.ppf(ends, whole, share) / whole
    return result


def _histogram(values: Array) -> Array:
    """Shares in ten equal bins of [0, 1]."""
    counts, _ = np.histogram(values, bins=BINS, range=(0, 1))
    result: Array = counts / max(1, np.count_nonzero(~np.isnan(values)))
    return result
