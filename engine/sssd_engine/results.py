"""Results of an engine's calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class EngineForecast:
    """Forecast of an engine, in data units.

    Attributes:
        samples: float64 ``(B, S, K, C)``.
        quantiles: float64 ``(B, Q, K, C)``, at ``Engine.quantile_levels``.
    """

    samples: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoded:
    """B windows on which an engine's first parts were run.

    Attributes:
        windows: B.
        values: what they made.
        done: how many parts that were.
    """

    windows: int
    values: Mapping[str, npt.NDArray[Any]]
    done: int
