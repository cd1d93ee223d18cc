"""Values that forecasts are scored against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import WindowSource, futures_at, history_at, observed_at

Array = npt.NDArray[np.float64]


def scored_values(source: WindowSource, origins: Origins, horizons: Sequence[int]) -> tuple[Array, Array]:
    """Return what came to be after ``origins``, ``(B, K, C)``, and what it began at, ``(B, C)``.

    As forecasts are: levels, or log-returns since the origin, which begin at 0. NaN where a value is missing; of an
    origin that is missing the last value before it stands.
    """
    last = history_at(source, origins, 1)[:, -1]  # (B, C)
    future = futures_at(source, origins, horizons)  # (B, K, C)
    log = source.spec.target_kind == "log-return"
    y, origin = (np.log(future / last[:, None]), np.zeros_like(last)) if log else (future, last)
    return np.where(observed_at(source, origins, horizons), y, np.nan), origin
