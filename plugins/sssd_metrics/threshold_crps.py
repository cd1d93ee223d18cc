"""The threshold-weighted CRPS (Gneiting and Ranjan 2011), by chaining: the CRPS of what is cut off at a threshold.

Allen, Ginsbourger and Ziegel 2023, "Evaluating forecasts for high-impact events using transformed kernel scores".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_metrics.by_window import by_window
from sssd_registry.evaluation.scores import crps

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdCRPS:
    """CRPS above a threshold, or ``below`` it: what lies on the other side counts as the threshold."""

    threshold: float
    below: bool

    def __call__(self, samples: Array, y: Array) -> Array:
        """Score samples ``(B, S, K, C)`` of ``y (B, K, C)``: ``(B,)``, in the units of the data."""
        cut = np.minimum if self.below else np.maximum
        return by_window(crps(cut(samples, self.threshold), cut(y, self.threshold)))
