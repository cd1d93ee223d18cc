"""Peers without training, or nearly: random walk, seasonal naive, AutoETS, AutoTheta, a ridge NLinear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from tasks import Task

from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import futures_at, history_at
from sssd_registry.evaluation.baselines import gaussian_crps

Array = npt.NDArray[np.float64]

NUM_SAMPLES = 200
# Of a normal distribution, equally likely: its quantiles without a draw's noise.
_NORMAL = norm.ppf((np.arange(NUM_SAMPLES) + 0.5) / NUM_SAMPLES)
_WINDOWS = (12, 24, 48, 60, 120, 240, 480, 960, 1440, 2880)
# What AutoETS and AutoTheta are fitted to: they are as good on the last rows as on all, and fit in seconds.
CONTEXT = {
    "exchange_rate": 1000, "etth1": 336, "eurusd": 500, "gbpusd": 500, "m4_hourly": 336, "bike": 336, "vic_elec": 672,
}  # fmt: skip


def as_samples(location: Array, scale: Array) -> Array:
    """Gaussians ``(B, K, C)`` as their quantiles, equally likely: ``(B, S, K, C)``."""
    return np.asarray(location[:, None] + _NORMAL[:, None, None] * scale[:, None])


def random_walk(task: Task) -> Array:
    """Gaussian, volatility from a trailing window chosen on validation for each horizon."""
    last = futures_at(task.prepared.source, task.origins, (0,))[:, 0]
    center = np.zeros_like(last) if task.log else last
    return as_samples(center[:, None], trailing_deviations(task, task.horizons))


def trailing_deviations(task: Task, horizons: tuple[int, ...]) -> Array:
    """Deviation of each horizon's move ``(B, K, C)``, as the bars of a window before the origin moved.

    The window is the one that does best on the validation part, for each horizon by itself.
    """
    source = task.prepared.source
    longest = min(max(_WINDOWS), int(task.origins.row.min()) - 1)
    windows = [window for window in _WINDOWS if window <= longest]
    validation = task.prepared.split.validation
    sigmas = {part: _sigmas(task, at, windows) for part, at in (("validation", validation), ("test", task.origins))}
    observed = task.observed(validation, horizons)
    start = np.zeros_like(observed[:, 0]) if task.log else futures_at(source, validation, (0,))[:, 0]
    found = []
    for k, horizon in enumerate(horizons):
        root = horizon**0.5
        scores = [
            np.nanmean(gaussian_crps(start, sigmas["validation"][window] * root, observed[:, k])) for window in windows
        ]
        found.append(sigmas["test"][windows[int(np.argmin(scores))]] * root)
    return np.stack(found, axis=1)


def _sigmas(task: Task, origins: Origins, windows: list[int]) -> dict[int, Array]:
    """Root mean square of the last changes, ``(B, C)`` for each window."""
    parts: dict[int, list[Array]] = {window: [] for window in windows}
    for start in range(0, len(origins), 512):
        part = origins.take(np.arange(start, min(start + 512, len(origins))))
        levels = history_at(task.prepared.source, part, max(windows) + 1)
        changes = np.diff(np.log(levels) if task.log else levels, axis=1)
        for window in windows:
            parts[window].append(np.sqrt((changes[:, -window:] ** 2).mean(axis=1)))
    return {window: np.concatenate(rows) for window, rows in parts.items()}


def seasonal_naive(task: Task) -> Array:
    """Forecast the value of a season ago, with the spread of seasonal changes over the last 20 seasons."""
    season = max(task.season, 1)
    rows = []
    for index in range(len(task.origins)):
        past = task.history(index)[-20 * season - 1 - max(task.horizons) :]
        steps = np.array(task.horizons)
        ahead = -(-steps // season)
        center = past[len(past) - 1 + steps - season * ahead]  # (K, C)
        sigma = np.sqrt(((past[season:] - past[:-season]) ** 2).mean(axis=0))
        rows.append(center + _NORMAL[:, None, None] * sigma * np.sqrt(ahead)[:, None])
    return _as_scored(task, np.stack(rows))


def auto_ets(task: Task) -> Array:
    from statsforecast.models import AutoETS

    return _statistical(task, lambda: AutoETS(season_length=season_of(task)))


def auto_theta(task: Task) -> Array:
    from statsforecast.models import AutoTheta

    return _statistical(task, lambda: AutoTheta(season_length=season_of(task)))


def season_of(task: Task) -> int:
    return 1 if task.name in ("exchange_rate", "eurusd", "gbpusd") else task.season


def _statistical(task: Task, make: Callable[[], Any]) -> Array:
    """Fitted anew at every origin, to each series by itself; its own Gaussian intervals."""
    steps = np.array(task.horizons) // task.every
    rows = []
    for index in range(len(task.origins)):
        past = task.history(index)[:: -task.every][::-1][-CONTEXT[task.name] :]
        columns = []
        for target in past.T:
            made = make().forecast(y=np.ascontiguousarray(target), h=int(steps.max()), level=[80])
            sigma = (made["hi-80"] - made["lo-80"])[steps - 1] / (2 * norm.ppf(0.9))
            columns.append(made["mean"][steps - 1] + _NORMAL[:, None] * sigma)  # (S, K)
        rows.append(np.stack(columns, axis=-1))
    return _as_scored(task, np.stack(rows))


def nlinear(task: Task) -> Array:
    """NLinear by ridge, its residuals of the validation part at each horizon by themselves."""
    location, residuals = fitted_nlinear(task, task.horizons)
    spread = np.quantile(residuals, (np.arange(NUM_SAMPLES) + 0.5) / NUM_SAMPLES, axis=0)  # (S, K, C)
    return location[:, None] + spread


def fitted_nlinear(task: Task, horizons: tuple[int, ...]) -> tuple[Array, Array]:
    """Fit each target by itself; lookback and penalty follow from the validation part.

    Returns locations of the test windows ``(B, K, C)``, and residuals of the validation windows ``(n, K, C)``.
    """
    train, validation = task.prepared.split.train, task.prepared.split.validation
    best: tuple[float, Any] | None = None
    for lags in (48, 96, 168):
        if lags >= task.prepared.spec.base.lookback + 1:
            continue
        x, y, _ = _lagged(task, train, lags, horizons)
        held_x, held_y, _ = _lagged(task, validation, lags, horizons)
        for penalty in (1e-3, 1e-2, 1e-1, 1.0):
            weights = [_ridge(x[..., c], y[..., c], penalty) for c in range(x.shape[-1])]
            made = np.stack([held_x[..., c] @ one for c, one in enumerate(weights)], axis=-1)
            error = float(((held_y - made) ** 2).mean())
            if best is None or error < best[0]:
                best = error, (lags, weights, held_y - made)
    assert best is not None
    lags, weights, residuals = best[1]
    x, _, last = _lagged(task, task.origins, lags, horizons)
    made = np.stack([x[..., c] @ one for c, one in enumerate(weights)], axis=-1) + last[:, None]
    return made, residuals


def _lagged(task: Task, origins: Origins, lags: int, horizons: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """``(n, lags, C)`` and ``(n, K, C)`` relative to the last value, and that value ``(n, C)``; as they are scored."""
    levels = history_at(task.prepared.source, origins, lags + 1)
    values = np.log(levels) if task.log else levels
    future = futures_at(task.prepared.source, origins, horizons)
    ahead = (np.log(future) if task.log else future) - values[:, -1:]
    last = np.zeros_like(values[:, -1]) if task.log else values[:, -1]
    return values[:, :-1] - values[:, -1:], ahead, last


def _ridge(x: Array, y: Array, penalty: float) -> Array:
    gram = x.T @ x
    size = np.trace(gram) / len(gram)
    return np.asarray(np.linalg.solve(gram + penalty * size * np.eye(len(gram)), x.T @ y))


def _as_scored(task: Task, samples: Array) -> Array:
    """Levels ``(B, S, K, C)`` as the task scores them."""
    last = futures_at(task.prepared.source, task.origins, (0,))[:, 0]
    return task.scored(samples, last)


PEERS: dict[str, Callable[[Task], Array]] = {
    "random walk": random_walk,
    "seasonal naive": seasonal_naive,
    "AutoETS": auto_ets,
    "AutoTheta": auto_theta,
    "NLinear, ridge": nlinear,
}
