"""Horizons as a caller asks for them, checked against what a model was trained for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.data.calendar import future_times
from sssd_registry.data.durations import format_duration, parse_horizons
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError


def check_horizons(horizons: Sequence[float | str] | None, spec: DataSpec) -> list[float]:
    """Horizons in bars, ascending; fractions of a bar only between trained horizons.

    Raises:
        SSSDError: none, less than a bar, or beyond the longest trained horizon.
    """
    if horizons is None:
        return [float(h) for h in spec.horizons]
    named = [h for h in horizons if isinstance(h, str)]
    bars = [float(h) for h in horizons if not isinstance(h, str)]
    bars += [float(h) for h in parse_horizons(named, spec.bar_seconds)] if named else []
    longest = max(spec.horizons)
    for bar in bars:
        if not 1 <= bar <= longest:
            raise SSSDError(
                f"horizon {bar:g} is outside of what the model was trained for: 1 to {longest} bars of"
                f" {format_duration(spec.bar_seconds)}; train with data.horizons up to {max(bar, 1):g}"
            )
    if not bars:
        raise SSSDError("no horizon was asked for")
    return sorted(set(bars))


def forecast_times(
    histories: Sequence[npt.NDArray[np.int64]], spec: DataSpec, horizons: Sequence[float]
) -> npt.NDArray[np.datetime64]:
    """Start of the bar that each horizon falls on, ``datetime64[ns] (B, K)``.

    Args:
        histories: for each window the starts of the bars up to its origin, seconds since 1970 UTC; the longer,
            the better the trading hours show.
        spec: for the bar's length.
        horizons: K, in bars; a fraction falls on the bar it reaches into.
    """
    index = np.ceil(np.asarray(horizons)).astype(int) - 1
    steps = int(index.max()) + 1
    rows = [future_times(times, spec.bar_seconds, steps)[index] for times in histories]
    return np.stack(rows).astype("datetime64[s]").astype("datetime64[ns]")
