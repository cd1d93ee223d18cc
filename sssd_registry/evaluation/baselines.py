"""Forecasters without a network, which a model has to beat. They return samples, so that one code scores all.

Histories are always levels. With ``log`` a forecast is of the log-return since the origin, ``log(future /
origin)``, as a model's is whose ``target_kind`` is ``log-return``; without, of the level itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SSSDError

Array = npt.NDArray[np.float64]

WINDOWS = (12, 24, 48, 120, 240, 500)

_erf = np.vectorize(math.erf, otypes=[np.float64])  # numpy has none, and scipy is too large to depend on for this


def random_walk(
    history: Array,
    horizons: Sequence[float],
    num_samples: int,
    rng: np.random.Generator,
    window: int,
    log: bool = False,
) -> Array:
    """Paths of a Gaussian random walk without drift, each target by itself.

    At horizon h the forecast is N(last value, sigma² h), where sigma is the root mean square of the last
    ``window`` changes from one bar to the next (of the logarithm, with ``log``).

    Args:
        history: levels up to and including the origin, ``(B, H, C)``.
        horizons: K, in bars.
        num_samples: S.
        rng: source of the samples.
        window: bars that sigma is taken from, less than H.
        log: forecast log-returns since the origin.

    Returns:
        float64 ``(B, S, K, C)``: levels, or log-returns.
    """
    last, sigma = random_walk_moments(history, horizons, window, log)  # (B, 1, C), (B, K, C)
    bars = _bars(horizons)
    ascending = np.argsort(bars)
    steps = np.sqrt(np.diff(bars[ascending], prepend=0.0))  # increments are independent, so paths hang together
    shape = (len(last), num_samples, len(bars), last.shape[2])
    paths = np.cumsum(rng.standard_normal(shape) * steps[:, None], axis=2)[:, :, np.argsort(ascending)]
    one_bar = sigma[:, :1] / np.sqrt(bars[0])  # (B, 1, C)
    result: Array = last[:, None] + one_bar[:, None] * paths
    return result


def random_walk_moments(
    history: Array, horizons: Sequence[float], window: int, log: bool = False
) -> tuple[Array, Array]:
    """Mean ``(B, 1, C)`` and deviation ``(B, K, C)`` of :func:`random_walk`, which is Gaussian at each horizon."""
    values = _values(history, log)
    return values[:, -1:], _walk_sigma(values, window)[:, None] * np.sqrt(_bars(horizons))[:, None]


def seasonal_naive(
    history: Array,
    horizons: Sequence[float],
    num_samples: int,
    rng: np.random.Generator,
    season: int,
    log: bool = False,
) -> Array:
    """Forecast the value of one season ago, or the fewest seasons ago that are known, with Gaussian spread.

    At horizon h, k = ceil(h / season) seasons ahead, the forecast is N(value at h - k season, sigma² k),
    where sigma is the root mean square of the changes from season to season in the history. Horizons between
    bars are rounded up.

    Args:
        history: levels up to and including the origin, ``(B, H, C)``.
        horizons: K, in bars.
        num_samples: S.
        rng: source of the samples.
        season: bars, less than H.
        log: forecast log-returns since the origin.

    Returns:
        float64 ``(B, S, K, C)``: levels, or log-returns.

    Raises:
        SSSDError: the history is not longer than a season.
    """
    center, spread = seasonal_naive_moments(history, horizons, season, log)  # (B, K, C)
    noise = rng.standard_normal((len(center), num_samples, *center.shape[1:]))
    result: Array = center[:, None] + spread[:, None] * noise
    return result


def seasonal_naive_moments(
    history: Array, horizons: Sequence[float], season: int, log: bool = False
) -> tuple[Array, Array]:
    """Mean and deviation, each ``(B, K, C)``, of :func:`seasonal_naive`, which is Gaussian at each horizon.

    Raises:
        SSSDError: the history is not longer than a season.
    """
    length = history.shape[1]
    if not 1 <= season < length:
        raise SSSDError(f"a season of {season} bars needs a history of {season + 1} bars or more, got {length}")
    values = _values(history, log)
    bars = np.ceil(_bars(horizons)).astype(np.int64)
    ahead = -(-bars // season)  # k
    center = values[:, length - 1 + bars - season * ahead]  # (B, K, C)
    sigma = _root_mean_square(values[:, season:] - values[:, :-season])  # (B, C)
    return center, sigma[:, None] * np.sqrt(ahead)[:, None]


def choose_random_walk_window(
    history: Array,
    futures: Array,
    horizons: Sequence[float],
    candidates: Sequence[int] = WINDOWS,
    log: bool = False,
) -> int:
    """The ``window`` of :func:`random_walk` with the lowest mean CRPS, in closed form, on ``futures``.

    Args:
        history: levels up to and including the origins, ``(B, H, C)``.
        futures: levels at the horizons, ``(B, K, C)``.
        horizons: K, in bars.
        candidates: windows in bars; those the history is too short for are left out, and if that leaves none,
            the whole history is taken.
        log: score log-returns since the origin.
    """
    y = np.log(futures / history[:, -1:]) if log else futures  # (B, K, C)
    longest = history.shape[1] - 1
    fitting = [window for window in candidates if window <= longest] or [longest]
    scores = [gaussian_crps(*random_walk_moments(history, horizons, window, log), y).mean() for window in fitting]
    return fitting[int(np.argmin(scores))]


def gaussian_crps(mean: npt.ArrayLike, sigma: npt.ArrayLike, y: npt.ArrayLike) -> Array:
    """CRPS of N(mean, sigma²) at y, in the units of y; |y - mean| where sigma is 0. Arguments broadcast.

    sigma {z [2 Φ(z) - 1] + 2 φ(z) - 1/√π} with z = (y - mean) / sigma: Gneiting, Raftery, Westveld and
    Goldman (2005), "Calibrated probabilistic forecasting using ensemble model output statistics and minimum
    CRPS estimation", Monthly Weather Review 133, eq. 5.
    """
    error, scale = np.broadcast_arrays(np.subtract(y, mean, dtype=np.float64), np.asarray(sigma, dtype=np.float64))
    flat = scale == 0
    z = error / np.where(flat, 1.0, scale)
    phi = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    spread = scale * (z * _erf(z / math.sqrt(2)) + 2 * phi - 1 / math.sqrt(math.pi))  # erf(z/√2) = 2 Φ(z) - 1
    result: Array = np.where(flat, np.abs(error), spread)
    return result


def _values(history: Array, log: bool) -> Array:
    """The history in the units of the forecast."""
    if not log:
        return history
    if (history <= 0).any():
        raise SSSDError(f'log-returns need positive levels, got {history.min():g}; set data.target_kind to "level"')
    result: Array = np.log(history / history[:, -1:])
    return result


def _bars(horizons: Sequence[float]) -> Array:
    bars = np.asarray(horizons, dtype=np.float64)
    if not (bars > 0).all():
        raise ValueError(f"horizons are positive numbers of bars, got {tuple(horizons)}")
    return bars


def _walk_sigma(values: Array, window: int) -> Array:
    """``(B, C)``."""
    if not 1 <= window < values.shape[1]:
        raise ValueError(f"window {window} needs {window + 1} bars of history, got {values.shape[1]}")
    return _root_mean_square(np.diff(values[:, -window - 1 :], axis=1))


def _root_mean_square(changes: Array) -> Array:
    result: Array = np.sqrt(np.mean(changes**2, axis=1))
    return result
