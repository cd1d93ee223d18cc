"""Rounding of numbers for a page: as many digits as a picture shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def decimals_for(spread: float, digits: int = 4) -> int:
    """Decimals that show so many digits of ``spread``; negative for hundreds and thousands."""
    return digits - 1 - math.floor(math.log10(spread)) if spread > 0 and math.isfinite(spread) else 6


def rounded(values: npt.ArrayLike, decimals: int) -> Any:
    """Nested lists of numbers, whole ones as integers, and None for what is not finite: short as JSON."""
    array = np.round(np.asarray(values, dtype=np.float64), decimals)
    return _short(array.tolist())


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(one) for one in value]
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def times(values: npt.NDArray[np.datetime64]) -> list[str]:
    """UTC times as plotly takes them: ``2024-01-31T08:00``."""
    return [str(one) for one in np.asarray(values).astype("datetime64[m]")]
