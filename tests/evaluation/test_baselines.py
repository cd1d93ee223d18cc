"""Baselines: their distributions are those they claim, in levels and in log-returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.baselines import (
    gaussian_crps,
    random_walk,
    random_walk_moments,
    random_walk_scores,
    seasonal_naive,
    seasonal_naive_moments,
    target_correlation,
)

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


LEVELS = np.array([0.02, 0.1, 0.5, 0.9, 0.98])
DENSE = tuple(range(1, 31))


def drift(length: int = 200, season: int = 10, height: float = 5.0) -> np.ndarray:
    """One window of two targets with a season, whose departures from it persist and are correlated, ``(1, H, 2)``."""
    rng = np.random.default_rng(5)
    common, own = rng.normal(size=(length, 1)), rng.normal(size=(length, 2))
    steps = 0.8 * common + 0.6 * own
    departure = np.zeros((length, 2))
    for row in range(1, length):
        departure[row] = 0.9 * departure[row - 1] + steps[row]
    return np.asarray((np.sin(2 * np.pi * np.arange(length) / season)[:, None] * height + departure)[None] + 100)


@pytest.mark.parametrize("log", [False, True])
def test_marginals_are_the_gaussians_that_crps_in_closed_form_is_of(log: bool) -> None:
    """At every horizon, dense or sparse, in any order: paths that hang together change no horizon's law."""
    history, size = drift(), 40_000
    for horizons in (DENSE, (25.0, 1.0, 10.0, 11.0)):
        for samples, (center, spread) in (
            (random_walk(history, horizons, size, np.random.default_rng(0), 48, log),
             random_walk_moments(history, horizons, 48, log)),
            (seasonal_naive(history, horizons, size, np.random.default_rng(0), 10, log),
             seasonal_naive_moments(history, horizons, 10, log)),
        ):  # fmt: skip
            standard = np.quantile((samples - center[:, None]) / spread[:, None], LEVELS, axis=1)
            # Five times the standard error of an extreme quantile of so many samples.
            np.testing.assert_allclose(standard, np.broadcast_to(norm.ppf(LEVELS)[:, None, None, None], standard.shape),
                                       atol=0.08)  # fmt: skip


@pytest.mark.parametrize("of", [np.mean, np.ptp, np.max])
def test_functionals_are_those_of_a_walk_bar_by_bar(of: Any) -> None:
    history = drift()
    paths = random_walk(history, DENSE, 40_000, np.random.default_rng(0), 48)[0, ..., 0]
    sigma = np.sqrt((np.diff(history[0, :, 0])[-48:] ** 2).mean())
    walks = history[0, -1, 0] + sigma * np.random.default_rng(1).normal(size=(40_000, 30)).cumsum(axis=1)
    got, expected = (np.quantile(of(one, axis=1), LEVELS) for one in (paths, walks))
    np.testing.assert_allclose(got, expected, atol=0.12 * sigma * np.sqrt(30))
    apart = np.random.default_rng(2).permuted(paths, axis=0)
    assert np.abs(np.quantile(of(apart, axis=1), LEVELS) - expected).max() > 0.3 * sigma * np.sqrt(30)


def test_sparse_horizons_are_those_of_dense_paths() -> None:
    """The law is the same: correlations of horizons 3, 10, 11 and 23 are those among all of 1 to 30."""
    sparse, history = (3, 10, 11, 23), drift()
    picked = [bar - 1 for bar in sparse]
    for make in (
        lambda horizons: random_walk(history, horizons, 40_000, np.random.default_rng(0), 48),
        lambda horizons: seasonal_naive(history, horizons, 40_000, np.random.default_rng(1), 10),
    ):
        some, every = (np.corrcoef(make(bars)[0, ..., 0].T) for bars in (sparse, DENSE))
        np.testing.assert_allclose(some, every[np.ix_(picked, picked)], atol=0.03)


def test_a_seasonal_path_hangs_together_as_the_history_does() -> None:
    history, season = drift(), 10
    changes = history[:, season:] - history[:, :-season]
    phi = (changes[0, 1:, 0] * changes[0, :-1, 0]).sum() / (changes[0, :, 0] ** 2).sum()
    assert phi > 0.8
    paths = seasonal_naive(history, DENSE, 40_000, np.random.default_rng(0), season)[0, ..., 0]
    found = np.corrcoef(paths.T)
    assert found[2, 3] == pytest.approx(phi, abs=0.02)  # horizons 3 and 4
    assert found[2, 6] == pytest.approx(phi**4, abs=0.03)
    assert found[2, 12] == pytest.approx(np.sqrt((1 + phi**season) / 2), abs=0.02)  # 3 and 13
    assert found[9, 10] > 0.5  # and from one season into the next


def test_without_a_season_a_seasonal_path_of_independent_changes_is_a_random_walk() -> None:
    history = np.random.default_rng(3).normal(size=(1, 4000, 1)).cumsum(axis=1)
    paths = seasonal_naive(history, (1, 4, 16), 40_000, np.random.default_rng(0), 1)[0, ..., 0]
    np.testing.assert_allclose(np.corrcoef(paths.T), [[1, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 1]], atol=0.05)


def test_targets_move_together_as_they_did() -> None:
    history = drift(length=600, height=0.0)
    walk = random_walk(history, DENSE, 20_000, np.random.default_rng(0), 500)
    seasonal = seasonal_naive(history, DENSE, 20_000, np.random.default_rng(0), 10)
    for samples in (walk, seasonal):
        for k in (0, 14, 29):
            assert np.corrcoef(samples[0, :, k].T)[0, 1] == pytest.approx(0.64, abs=0.12)
    expected = target_correlation(np.diff(history, axis=1)[:, -500:])[0, 0, 1]
    assert np.corrcoef(walk[0, :, 0].T)[0, 1] == pytest.approx(expected, abs=0.02)


def test_few_changes_of_many_targets_and_targets_that_stand_still() -> None:
    changes = np.random.default_rng(0).normal(size=(3, 12, 40))
    changes[:, :, 7] = 0.0
    found = target_correlation(changes)
    assert np.linalg.eigvalsh(found).min() > 0.1
    np.testing.assert_array_equal(found[:, 7], np.broadcast_to(np.eye(40)[7], (3, 40)))
    history = changes.cumsum(axis=1) + 50
    for made in (
        random_walk(history, DENSE, 5, np.random.default_rng(0), 11),
        seasonal_naive(history, DENSE, 5, np.random.default_rng(0), 3),
    ):
        assert np.isfinite(made).all()
        np.testing.assert_array_equal(made[..., 7], 50.0)


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
    scores = random_walk_scores(paths, futures, [1], log=log)
    assert min(scores, key=scores.__getitem__) == best


def test_windows_longer_than_the_history_are_left_out() -> None:
    history = prices(length=20)
    futures = history[:, -1:] * 5  # so far off that only the widest would do
    scores = random_walk_scores(history, futures, [1])
    assert min(scores, key=scores.__getitem__) == max(scores) == 12
    assert list(random_walk_scores(history[:, :8], futures, [1])) == [7]


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
