"""Means over what was observed of each window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def by_window(values: Array) -> Array:
    """Return the mean of ``values (B, K, C)`` over what is not NaN, ``(B,)``; NaN where all is."""
    seen = ~np.isnan(values)
    count = seen.sum(axis=(1, 2))
    total = np.where(seen, values, 0.0).sum(axis=(1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
