"""Horizons as a caller asks for them, checked against what a model was trained for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.data.calendar import future_times
from sssd_registry.data.durations import format_duration, parse_horizons
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast


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
                f"horizon {bar:g} is outside of 1 to {longest} bars of {format_duration(spec.bar_seconds)}, what the"
                " model was trained for, or the engine exported for: train with longer data.horizons, or export again"
            )
    if not bars:
        raise SSSDError("no horizon was asked for")
    return sorted(set(bars))


def dated_forecast(
    samples: npt.NDArray[np.float64],
    windows: Windows,
    spec: DataSpec,
    horizons: Sequence[float],
    histories: Sequence[npt.NDArray[np.int64]] | None = None,
) -> Forecast:
    """Samples ``(B, S, K, C)`` as a forecast, with its times.

    ``histories`` are the times of each window's whole series, where there is more than the window itself.
    """
    base = windows.times[spec.base.name]  # (B, L)
    return Forecast(
        samples=samples,
        horizons=tuple(horizons),
        targets=spec.targets,
        series=windows.series,
        origin_times=base[:, -1].astype("datetime64[s]").astype("datetime64[ns]"),
        times=forecast_times(list(base) if histories is None else histories, spec, horizons),
        id_column=spec.id,
        time_column=spec.time,
    )


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
