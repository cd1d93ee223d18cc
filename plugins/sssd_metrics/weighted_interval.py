"""The weighted interval score (Bracher, Ray, Gneiting and Reich 2021, PLOS Computational Biology 17, equation 1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sssd_metrics.by_window import by_window

Array = npt.NDArray[np.float64]

# One less what an interval is to cover, as forecasts of epidemics are scored.
ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def weighted_interval_score(samples: Array, y: Array) -> Array:
    """Score samples ``(B, S, K, C)`` of ``y (B, K, C)``: ``(B,)``, in the units of the data."""
    total = 0.5 * np.abs(y - np.median(samples, axis=1))
    for alpha in ALPHAS:
        low, high = np.quantile(samples, [alpha / 2, 1 - alpha / 2], axis=1)
        missed = np.maximum(low - y, 0) + np.maximum(y - high, 0)
        total += alpha / 2 * (high - low) + missed
    return by_window(total / (len(ALPHAS) + 0.5))
