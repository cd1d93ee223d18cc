"""Windows forecast by a model or engine and, beside it, by naive forecasters, with what came to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.data.origins import Origins, window_places
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_scored_windows
from sssd_registry.data.split import origins_from
from sssd_registry.data.windows import WindowSource, history_at, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.baselines import random_walk, seasonal_naive
from sssd_registry.evaluation.scored_values import scored_values
from sssd_registry.forecaster import Forecaster
from sssd_registry.horizons import check_horizons

Array = npt.NDArray[np.float64]

_WINDOWS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Rivals:
    """Forecasts of B windows by ``model``, ``random walk`` and ``seasonal naive``, and what came to be.

    Attributes:
        samples: by forecaster, float64 ``(B, S, K, C)``: levels, or log-returns since the origin.
        y: what came to be, ``(B, K, C)``, in the same units; NaN where it is missing.
        last: the last known values, ``(B, C)``; 0 for log-returns.
        horizons: K, in bars, ascending.
        source: what the windows were cut from.
        origins: where they end.
    """

    samples: dict[str, Array]
    y: Array
    last: Array
    horizons: tuple[int, ...]
    source: WindowSource
    origins: Origins

    @property
    def places(self) -> WindowPlaces:
        """Places of the windows, which the standard errors of their scores depend on."""
        return window_places(self.source, self.origins)


def forecast_rivals(
    forecaster: Forecaster,
    data: Data | Panel,
    *,
    start: pd.Timestamp | None = None,
    horizons: Sequence[float | str] | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    max_windows: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Rivals:
    """Forecast from every origin after ``start``.

    Arguments and errors are those of :func:`~sssd_registry.evaluation.evaluate.evaluate`.
    """
    spec = forecaster.spec
    bars = [_whole(horizon) for horizon in check_horizons(horizons, spec)]
    source = read_scored_windows(data, spec, max(bars))
    first = forecaster.test_start if start is None else int(start.timestamp())
    origins = _origins(source, first, bars, max_windows)
    count = num_samples or forecaster.num_samples
    samples = _forecasts(forecaster, source, origins, bars, count, seed, report)
    # The seasonal baseline needs more than a season before its season, whatever the model looks back to.
    history = history_at(source, origins, max(spec.base.lookback, 2 * spec.season + 1))  # (B, H, C)
    log = spec.target_kind == "log-return"
    walk = random_walk(history, bars, count, np.random.default_rng(seed), window=forecaster.random_walk_window, log=log)
    seasonal = seasonal_naive(history, bars, count, np.random.default_rng(seed), season=spec.season, log=log)
    drawn = {"model": samples, "random walk": walk, "seasonal naive": seasonal}
    return Rivals(drawn, *scored_values(source, origins, bars), tuple(bars), source, origins)


def _whole(horizon: float) -> int:
    if horizon != int(horizon):
        raise SSSDError(f"horizon {horizon:g}: only whole bars can be scored, nothing is known in between")
    return int(horizon)


def _origins(source: WindowSource, first: int, bars: Sequence[int], max_windows: int | None) -> Origins:
    try:
        origins = origins_from(source, first, max(bars))
    except SSSDError as error:
        when = pd.Timestamp(first, unit="s")
        raise SSSDError(
            f"nothing to score from {when} on, where the model's validation data end ({error}); give --start to"
            " score an earlier part, which the model may have been trained on"
        ) from None
    if max_windows is None or len(origins) <= max_windows:
        return origins
    return origins.take(np.linspace(0, len(origins) - 1, max_windows).round().astype(np.int64))


def _forecasts(
    forecaster: Forecaster,
    source: WindowSource,
    origins: Origins,
    bars: Sequence[int],
    num_samples: int,
    seed: int,
    report: Callable[[int, int], None] | None,
) -> Array:
    """Samples ``(B, S, K, C)``, in chunks, so that a long evaluation needs no more memory than a short one."""
    chunks: list[Array] = []
    for first in range(0, len(origins), _WINDOWS_AT_ONCE):
        chunk = origins.take(np.arange(first, min(first + _WINDOWS_AT_ONCE, len(origins))))
        # Each chunk has a seed of its own: the same noise for window 0 of every chunk would tie their errors.
        chunk_seed = seed * 1_000_003 + first
        forecast = forecaster(windows_at(source, chunk), horizons=bars, num_samples=num_samples, seed=chunk_seed)
        chunks.append(forecast.samples)
        if report is not None:
            report(first + len(chunk), len(origins))
    return np.concatenate(chunks)
