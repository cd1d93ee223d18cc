"""Horizons as a caller asks for them, checked against what a model was trained for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sssd_registry.data.calendar import future_times
from sssd_registry.data.durations import parse_horizons
from sssd_registry.data.origins import Origins
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows, WindowSource
from sssd_registry.errors import SSSDError, shortened
from sssd_registry.forecast import Forecast


def split_horizons(text: str, unit: str = "bars") -> list[float | str]:
    """Parts of ``1,4,24`` or ``15min,1h,4h``, as commands take them: numbers that count bars, or durations.

    A part may be a range, ``1:24`` or ``1h:24h:2h``, which stays as it is.

    Raises:
        SSSDError: nothing asked for, not a finite number, or an unknown unit.
    """
    if unit not in ("bars", "min"):
        raise SSSDError(f"--unit takes bars or min, got {unit!r}")
    texts = [one.strip() for one in text.split(",") if one.strip()]
    if not texts:
        raise SSSDError("--horizons is empty: give bars or durations, such as 1,4,24 or 15min,1h,4h or 1:24")
    return [_horizon(one, unit) for one in texts]


def _horizon(text: str, unit: str) -> float | str:
    if ":" in text and unit == "min":
        return ":".join(str(_horizon(part.strip(), unit)) for part in text.split(":"))
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        raise SSSDError(f"--horizons: {shortened(text)!r} is not a horizon: give bars or durations, such as 4 or 1h")
    if unit == "min":
        return f"{text}min"
    return int(number) if number == int(number) else number


def check_horizons(horizons: Sequence[float | str] | None, spec: DataSpec) -> list[float]:
    """Horizons in bars, ascending; fractions of a bar only between trained horizons.

    Args:
        horizons: bars and durations, or the text of them as commands take it, ``"1:24"``; None for the trained ones.
        spec: of the model.

    Raises:
        SSSDError: none, less than a bar, or beyond the longest trained horizon.
    """
    if horizons is None:
        return [float(h) for h in spec.horizons]
    if isinstance(horizons, str):
        horizons = split_horizons(horizons)
    if not isinstance(horizons, Iterable):
        raise SSSDError(f"horizons are a list, such as [{horizons}], or a range of bars, such as '1:{horizons}'")
    named = [h for h in horizons if isinstance(h, str)]
    longest = max(spec.horizons)
    bars = [_number(h) for h in horizons if not isinstance(h, str)]
    bars += [float(h) for h in parse_horizons(named, spec.bar, week=spec.week)] if named else []
    for bar in bars:
        if not 1 <= bar <= longest:
            raise SSSDError(
                f"horizon {bar:g} is outside of 1 to {longest} bars of {spec.base.name}, what the"
                " model was trained for, or the engine exported for: train with longer data.horizons, or export again"
            )
    if not bars:
        raise SSSDError("no horizon was asked for")
    return sorted(set(bars))


def _number(horizon: float) -> float:
    try:
        return float(horizon)
    except OverflowError:  # an integer of more digits than a float has
        return math.inf


def dated_forecast(
    samples: npt.NDArray[np.float64],
    windows: Windows,
    spec: DataSpec,
    horizons: Sequence[float],
) -> Forecast:
    """Samples ``(B, S, K, C)`` as a forecast, with its times."""
    base = windows.times[spec.base.name]  # (B, L)
    last = windows.values[spec.base.name][:, -1, list(spec.target_indices)]  # (B, C)
    return Forecast(
        samples=samples,
        horizons=tuple(horizons),
        targets=spec.targets,
        series=windows.series,
        origin_times=base[:, -1].astype("datetime64[s]").astype("datetime64[ns]"),
        times=forecast_times(list(base), spec, horizons),
        id_column=spec.id,
        time_column=spec.time,
        zone=spec.written_zone,
        last=last if spec.target_kind == "log-return" else None,
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
    rows = [future_times(times, spec.bar, steps, spec.weekdays)[index] for times in histories]
    return np.stack(rows).astype("datetime64[s]").astype("datetime64[ns]")


def forecast_of_series(made: Forecast, source: WindowSource, origins: Origins) -> Forecast:
    """``made`` from the last windows of whole series, of which more is known than their windows tell.

    Trading hours show better in them, and a target that never changed is forecast to stay.
    """
    series = [source.panel.series[index] for index in origins.series]
    samples = made.samples.copy()
    for window, one in enumerate(series):
        for column, index in enumerate(source.spec.target_indices):
            level = np.nanmax(one.values[:, index])
            if level == np.nanmin(one.values[:, index]):
                samples[window, ..., column] = 0.0 if source.spec.target_kind == "log-return" else level
    times = forecast_times([one.times for one in series], source.spec, made.horizons)
    return replace(made, samples=samples, times=times, library=source.panel.library)
