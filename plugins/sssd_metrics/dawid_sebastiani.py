"""The Dawid–Sebastiani score (Dawid and Sebastiani 1999, "Coherent dispersion criteria for optimal design", eq. 25)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sssd_metrics.by_window import by_window

Array = npt.NDArray[np.float64]

# Of samples that are all alike, so that the score stays finite.
_LEAST_DEVIATION = 1e-12


def dawid_sebastiani_score(samples: Array, y: Array) -> Array:
    """Score mean and deviation of samples ``(B, S, K, C)`` of ``y (B, K, C)``: ``(B,)``, without a unit.

    ``log σ² + (y − μ)² / σ²``: the logarithmic score of a Gaussian, but for a factor and what is added.
    """
    deviation = np.maximum(samples.std(axis=1, ddof=1), _LEAST_DEVIATION)
    return by_window(2 * np.log(deviation) + ((y - samples.mean(axis=1)) / deviation) ** 2)
