"""Baselines: their distributions are those they claim, in levels and in log-returns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.baselines import choose_random_walk_window, gaussian_crps, random_walk, seasonal_naive

HORIZONS = (4.0, 1.0, 24.0)  # in no order


def prices(length: int = 100, windows: int = 2, targets: int = 2) -> np.ndarray:
    steps = np.random.default_rng(1).normal(0, 0.01, (windows, length, targets))
    return np.asarray(np.exp(steps.cumsum(axis=1)) * np.array([1.0, 50.0][:targets]))


@pytest.mark.parametrize("log", [False, True])
def test_random_walk_has_its_mean_and_spread(log: bool) -> None:
    history = prices()
    samples = random_walk(history, HORIZONS, 20_000, np.random.default_rng(0), window=48, log=log)
    assert samples.shape == (2, 20_000, 3, 2)
    values = np.log(history) if log else history
    sigma = np.sqrt((np.diff(values, axis=1)[:, -48:] ** 2).mean(axis=1))  # (B, C)
    spread = sigma[:, None] * np.sqrt(HORIZONS)[:, None]  # (B, K, C)
    origin = np.zeros((2, 1, 2)) if log else history[:, -1:]
    np.testing.assert_array_less(np.abs(samples.mean(axis=1) - origin) / spread, 4 / np.sqrt(20_000))
    np.testing.assert_allclose(samples.std(axis=1), spread, rtol=0.03)


def test_random_walk_is_a_path() -> None:
    samples = random_walk(prices(), HORIZONS, 20_000, np.random.default_rng(0), window=48)[0, :, :, 0]
    at4, at1, at24 = samples.T
    assert np.corrcoef(at1, at4 - at1)[0, 1] == pytest.approx(0, abs=0.03)
    assert np.corrcoef(at4, at24)[0, 1] == pytest.approx(np.sqrt(4 / 24), abs=0.03)


def test_random_walk_looks_at_the_window_only() -> None:
    history, changed = prices(), prices()
    changed[:, : 100 - 13] *= 3.0
    rng = [np.random.default_rng(0) for _ in range(3)]
    first = random_walk(history, HORIZONS, 5, rng[0], window=12)
    np.testing.assert_array_equal(first, random_walk(changed, HORIZONS, 5, rng[1], window=12))
    assert not np.array_equal(first, random_walk(changed, HORIZONS, 5, rng[2], window=13))


@given(
    season=st.integers(1, 12),
    horizon=st.floats(0.25, 40),
    log=st.booleans(),
)
def test_seasonal_naive_repeats_a_perfect_season_without_spread(season: int, horizon: float, log: bool) -> None:
    pattern = np.random.default_rng(season).uniform(1, 2, season)
    series = np.tile(pattern, 80 // season + 2)
    length = 3 * season + 2
    history = series[None, :length, None]
    samples = seasonal_naive(history, [horizon], 3, np.random.default_rng(0), season, log)
    future = series[length - 1 + int(np.ceil(horizon))]
    expected = np.log(future / series[length - 1]) if log else future
    np.testing.assert_allclose(samples, np.full((1, 3, 1, 1), expected), atol=1e-12)


def test_seasonal_naive_spreads_with_the_seasons_ahead() -> None:
    season = 10
    history = np.random.default_rng(0).normal(5, 1, (1, 60, 1))
    samples = seasonal_naive(history, [3, 10, 11], 40_000, np.random.default_rng(0), season)
    sigma = np.sqrt(((history[:, season:] - history[:, :-season]) ** 2).mean())
    np.testing.assert_allclose(samples.std(axis=1)[0, :, 0], sigma * np.sqrt([1, 1, 2]), rtol=0.02)
    np.testing.assert_allclose(samples.mean(axis=1)[0, :, 0], history[0, [52, 59, 50], 0], atol=0.05)


def test_seeds_repeat_and_differ() -> None:
    def draw(seed: int) -> np.ndarray:
        return random_walk(prices(), HORIZONS, 5, np.random.default_rng(seed), window=12)

    np.testing.assert_array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))


@given(
    mean=st.floats(-5, 5),
    sigma=st.floats(0.05, 5),
    y=st.floats(-8, 8),
)
def test_gaussian_crps_is_the_integral(mean: float, sigma: float, y: float) -> None:
    from math import erf

    # ∫ (F(x) - 1{x ≥ y})² dx, split at y, where the integrand jumps.
    reach = 10 * sigma + abs(y - mean)
    total = 0.0
    for low, high, step in ((mean - reach, y, 0.0), (y, mean + reach, 1.0)):
        x = np.linspace(low, high, 4001)
        cdf = np.array([0.5 + 0.5 * erf((value - mean) / sigma / 2**0.5) for value in x])
        total += float(np.trapezoid((cdf - step) ** 2, x))
    assert float(gaussian_crps(mean, sigma, y)) == pytest.approx(total, rel=1e-4, abs=1e-6)


def test_gaussian_crps_without_spread_is_the_absolute_error() -> None:
    np.testing.assert_array_equal(gaussian_crps([1.0, 2.0], 0.0, [4.0, 2.0]), [3.0, 0.0])
    assert float(gaussian_crps(1.0, 1e-9, 4.0)) == pytest.approx(3.0, abs=1e-8)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("calm", "best"), [(24, 24), (120, 120)])
def test_window_is_the_one_that_fits_the_present_volatility(calm: int, best: int, log: bool) -> None:
    rng = np.random.default_rng(0)
    # Violent until `calm` bars ago: a longer window is too wide, a shorter one noisier.
    scale = np.where(np.arange(500) < 500 - calm, 0.05, 0.005)
    paths = np.exp((rng.normal(0, 1, (3000, 500)) * scale).cumsum(axis=1))[..., None]
    futures = paths[:, -1:] * np.exp(rng.normal(0, 0.005, (3000, 1, 1)))
    assert choose_random_walk_window(paths, futures, [1], log=log) == best


def test_windows_longer_than_the_history_are_left_out() -> None:
    history = prices(length=20)
    futures = history[:, -1:] * 5  # so far off that only the widest would do
    assert choose_random_walk_window(history, futures, [1]) == 12
    assert choose_random_walk_window(history[:, :8], futures, [1]) == 7


def test_what_cannot_be_done_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SSSDError, match="a season of 100 bars needs a history of 101 bars or more, got 100"):
        seasonal_naive(prices(), [1], 2, rng, season=100)
    with pytest.raises(SSSDError, match="log-returns need positive levels, got -1"):
        random_walk(-np.ones((1, 20, 1)), [1], 2, rng, window=12, log=True)
    with pytest.raises(ValueError, match="window 100 needs 101 bars"):
        random_walk(prices(), [1], 2, rng, window=100)
    with pytest.raises(ValueError, match="positive"):
        random_walk(prices(), [0, 1], 2, rng, window=12)
