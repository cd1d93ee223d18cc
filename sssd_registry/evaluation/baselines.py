"""Forecasters without a network, which a model has to beat. They return sample paths, so that one code scores all.

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
    """Paths of a Gaussian random walk without drift, whose targets move together as they did.

    At horizon h the forecast is N(last value, sigma² h), where sigma is the root mean square of the last
    ``window`` changes from one bar to the next (of the logarithm, with ``log``). From one horizon to the next a path
    adds a step that does not depend on those before; the steps of two targets are correlated as those changes are
    (:func:`target_correlation`).

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
    root = _root_of_correlation(np.diff(_values(history, log)[:, -window - 1 :], axis=1))
    noise = _correlated(rng.standard_normal(shape), root)
    paths = np.cumsum(noise * steps[:, None], axis=2)[:, :, np.argsort(ascending)]
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

    At horizon h, k = ceil(h / season) seasons ahead, the forecast is N(value at h - k season, sigma² k).
    Sigma is the root mean square of the changes from season to season in the history. Horizons between
    bars are rounded up.

    A path adds up changes from season to season, which hang together from bar to bar and over targets as those of the
    history do: an autoregression of the first order, with their correlation at a lag of one bar and
    :func:`target_correlation`, scaled so that the variance at each horizon is sigma² k.

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
    values = _values(history, log)
    changes = values[:, season:] - values[:, :-season]  # (B, T, C)
    noise = _seasonal_noise(changes, _whole_bars(horizons), season, num_samples, rng)
    result: Array = center[:, None] + spread[:, None] * noise
    return result


def _seasonal_noise(
    changes: Array, bars: npt.NDArray[np.int64], season: int, num_samples: int, rng: np.random.Generator
) -> Array:
    """Sums of changes from season to season in standard units, ``(B, S, K, C)``, each of variance 1.

    At horizon h the change x is summed at h, h - season, … down to the first season ahead, where
    ``x_t = phi^g x_(t-g) + sqrt(1 - phi^2g) eps`` with the correlation phi of changes ``(B, T, C)`` at lag one.
    """
    phi = _lag_one_correlation(changes)[:, None]  # (B, 1, C)
    root = _root_of_correlation(changes)
    shape = (len(changes), num_samples, changes.shape[2])
    needed = sorted({t for bar in set(bars.tolist()) for t in range(bar, 0, -season)})
    noise = np.empty((*shape[:2], len(bars), shape[2]))
    change, last = np.zeros(shape), -np.inf
    sums: dict[int, Array] = {}  # by the place in the season
    for t in needed:
        carried = phi ** (t - last)  # 0 at the first
        change = carried * change + np.sqrt(1 - carried**2) * _correlated(rng.standard_normal(shape), root)
        sums[t % season] = sums[t % season] + change if t > season else change
        spread = np.sqrt(_variance_of_sum(phi**season, -(-t // season)))
        noise[:, :, bars == t] = (sums[t % season] / spread)[:, :, None]
        last = t
    return noise


def _variance_of_sum(r: Array, terms: int) -> Array:
    """Variance of the sum of so many consecutive terms of an autoregression of variance 1 and correlation r < 1."""
    result: Array = terms * (1 + r) / (1 - r) - 2 * r * (1 - r**terms) / (1 - r) ** 2
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
    bars = _whole_bars(horizons)
    ahead = -(-bars // season)  # k
    center = values[:, length - 1 + bars - season * ahead]  # (B, K, C)
    sigma = _root_mean_square(values[:, season:] - values[:, :-season])  # (B, C)
    return center, sigma[:, None] * np.sqrt(ahead)[:, None]


def target_correlation(changes: Array) -> Array:
    """Correlation of targets' changes ``(B, T, C)``, about 0, shrunk towards none: ``(B, C, C)``, positive definite.

    ``(1 - a) R + a I``, the linear shrinkage of Ledoit and Wolf (2004, "A well-conditioned estimator for
    large-dimensional covariance matrices", Journal of Multivariate Analysis 88), by a rule of thumb a = C / (C + T):
    of few changes of many targets little is known. A target that does not change is correlated with none.
    """
    count, targets = changes.shape[1:]
    size = _root_mean_square(changes)[:, None]
    size[size == 0] = 1.0
    standard = changes / size
    products: Array = standard.transpose(0, 2, 1) @ standard
    result: Array = products / (targets + count)  # products / count is R
    result[:, np.arange(targets), np.arange(targets)] = 1.0
    return result


def _root_of_correlation(changes: Array) -> Array:
    """Lower triangular L ``(B, C, C)`` with ``L Lᵀ`` the correlation of the targets."""
    return np.asarray(np.linalg.cholesky(target_correlation(changes)), dtype=np.float64)


def _correlated(noise: Array, root: Array) -> Array:
    """Independent ``noise (B, …, C)`` made as correlated over the targets as ``root (B, C, C)`` says."""
    together: Array = noise.reshape(len(noise), -1, noise.shape[-1]) @ root.transpose(0, 2, 1)
    return together.reshape(noise.shape)


def _lag_one_correlation(changes: Array) -> Array:
    """Return the lag-one correlation of each target's changes ``(B, T, C)``, about 0: ``(B, C)``, from 0 to 0.99."""
    size = (changes**2).sum(axis=1)
    products = (changes[:, 1:] * changes[:, :-1]).sum(axis=1)
    result: Array = np.clip(products / np.where(size > 0, size, 1.0), 0.0, 0.99)
    return result


def random_walk_scores(
    history: Array,
    futures: Array,
    horizons: Sequence[float],
    candidates: Sequence[int] = WINDOWS,
    log: bool = False,
) -> dict[int, float]:
    """Mean CRPS of :func:`random_walk`, in closed form, on ``futures`` for each of its windows.

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
    return {
        window: float(gaussian_crps(*random_walk_moments(history, horizons, window, log), y).mean())
        for window in fitting
    }


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


def _whole_bars(horizons: Sequence[float]) -> npt.NDArray[np.int64]:
    return np.ceil(_bars(horizons)).astype(np.int64)


def _walk_sigma(values: Array, window: int) -> Array:
    """``(B, C)``."""
    if not 1 <= window < values.shape[1]:
        raise ValueError(f"window {window} needs {window + 1} bars of history, got {values.shape[1]}")
    return _root_mean_square(np.diff(values[:, -window - 1 :], axis=1))


def _root_mean_square(changes: Array) -> Array:
    result: Array = np.sqrt(np.mean(changes**2, axis=1))
    return result
