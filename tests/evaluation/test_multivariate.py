"""Energy and variogram score: against `scoringrules`, and against what proper scores of paths have to tell apart."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.evaluation import multivariate
from sssd_registry.evaluation.multivariate import energy_score, variogram_pairs, variogram_score
from sssd_registry.evaluation.scores import crps

BARS = (1.0, 2.0, 4.0, 7.0)


def walks(windows: int, size: int, targets: int = 2, seed: int = 0) -> np.ndarray:
    """Random walks at BARS whose targets move together, ``(B, S, K, C)``."""
    rng = np.random.default_rng(seed)
    steps = np.sqrt(np.diff(BARS, prepend=0.0))[:, None]
    common = rng.normal(size=(windows, size, len(BARS), 1))
    own = rng.normal(size=(windows, size, len(BARS), targets))
    return np.asarray(((0.8 * common + 0.6 * own) * steps).cumsum(axis=2))


def independent(samples: np.ndarray, seed: int = 1) -> np.ndarray:
    """The same marginals, each horizon and target by itself."""
    return np.random.default_rng(seed).permuted(samples, axis=1)


def flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-2], -1)


@given(st.integers(0, 2**31), st.integers(2, 9), st.integers(1, 3), st.floats(-1e4, 1e4))
def test_the_energy_score_is_scoringrules(seed: int, size: int, targets: int, level: float) -> None:
    samples, y = walks(3, size, targets, seed) + level, walks(3, 1, targets, seed + 1)[:, 0] + level
    expected = scoringrules.es_ensemble(flat(y), flat(samples), estimator="fair", backend="numpy")
    np.testing.assert_allclose(energy_score(samples, y), expected, rtol=1e-7, atol=1e-7)


@given(st.integers(0, 2**31), st.integers(2, 9), st.integers(1, 3))
def test_the_variogram_score_is_scoringrules(seed: int, size: int, targets: int) -> None:
    samples, y = walks(3, size, targets, seed), walks(3, 1, targets, seed + 1)[:, 0]
    pairs = variogram_pairs(BARS, targets)
    weights = np.broadcast_to(pairs.matrix(len(BARS) * targets), (3, len(BARS) * targets, len(BARS) * targets))
    expected = scoringrules.vs_ensemble(flat(y), flat(samples), weights, p=0.5, estimator="fair", backend="numpy")
    np.testing.assert_allclose(variogram_score(samples, y, pairs), expected, rtol=1e-9, atol=1e-12)


def test_of_one_entry_the_energy_score_is_the_crps() -> None:
    samples, y = walks(20, 30)[:, :, :1, :1], walks(20, 1, seed=5)[:, 0, :1, :1]
    np.testing.assert_allclose(energy_score(samples, y), crps(samples, y)[:, 0, 0], rtol=1e-9, atol=1e-12)
    assert not variogram_score(samples, y, variogram_pairs([1], 1)).any()


@pytest.mark.parametrize("size", [3, 200])
def test_estimates_do_not_depend_on_the_number_of_samples(size: int) -> None:
    """Over windows they are the same in the mean, from 3 samples or 200: neither grows with fewer."""
    windows = 60_000 // size
    y = np.broadcast_to(walks(1, 1)[0], (windows, len(BARS), 2))
    samples, pairs = walks(windows, size, seed=3), variogram_pairs(BARS, 2)
    reference = walks(1, 4000, seed=9)
    for found, exact in (
        (energy_score(samples, y), energy_score(reference, y[:1])),
        (variogram_score(samples, y, pairs), variogram_score(reference, y[:1], pairs)),
    ):
        assert abs(found.mean() - exact.item()) < 4 * found.std() / math.sqrt(windows) + 0.02 * exact.item()


def test_the_right_dependence_scores_better_than_the_same_marginals_independent() -> None:
    samples, y = walks(1000, 60), walks(1000, 1, seed=7)[:, 0]
    apart, pairs = independent(samples), variogram_pairs(BARS, 2)
    assert crps(samples, y).mean() == pytest.approx(crps(apart, y).mean(), rel=1e-12)  # which sees no difference
    for difference in (
        energy_score(apart, y) - energy_score(samples, y),
        variogram_score(apart, y, pairs) - variogram_score(samples, y, pairs),
    ):
        assert difference.mean() > 4 * difference.std() / math.sqrt(len(y))


def test_dependence_of_targets_counts_where_horizons_are_right() -> None:
    """Paths of each target stay whole; the second target's are those of another sample."""
    samples, y = walks(1000, 60), walks(1000, 1, seed=7)[:, 0]
    mixed = samples.copy()
    mixed[..., 1] = np.roll(samples[..., 1], 1, axis=1)
    pairs = variogram_pairs(BARS, 2)
    difference = variogram_score(mixed, y, pairs) - variogram_score(samples, y, pairs)
    assert difference.mean() > 4 * difference.std() / math.sqrt(len(y))


def test_of_many_pairs_some_are_looked_at() -> None:
    pairs = variogram_pairs(np.arange(1, 721), 30)
    assert len(pairs.weight) == 2 * multivariate._MOST_PAIRS
    assert pairs.weight.sum() == pytest.approx(1)
    looked = set((pairs.first // 30).tolist()) | set((pairs.second // 30).tolist())
    assert len(looked) == 64
    assert {0, 719} <= looked
    assert set((pairs.first % 30).tolist()) == set(range(30))
    np.testing.assert_array_equal(pairs.first, variogram_pairs(np.arange(1, 721), 30).first)


@given(st.integers(1, 90), st.integers(1, 4))
def test_weights_sum_to_one_and_halve_over_the_kinds(horizons: int, targets: int) -> None:
    pairs = variogram_pairs(np.arange(1, horizons + 1), targets)
    if horizons * targets == 1:
        assert not len(pairs.weight)
        return
    assert pairs.weight.sum() == pytest.approx(1)
    across = pairs.first // targets == pairs.second // targets  # one horizon
    assert pairs.weight[across].sum() == pytest.approx((targets > 1) / (1 + (horizons > 1)))
    assert ((pairs.first % targets == pairs.second % targets) | across).all()
    assert len(set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))) == len(pairs.weight)
    assert (pairs.first < pairs.second).all()
    assert pairs.second.max() == horizons * targets - 1
    assert len(pairs.weight) < multivariate._MOST_PAIRS


def test_near_horizons_weigh_more() -> None:
    pairs = variogram_pairs((1, 2, 4), 1)
    np.testing.assert_allclose(pairs.weight, np.array([1, 1 / 3, 1 / 2]) / (1 + 1 / 3 + 1 / 2))


def test_parts_do_not_change_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, y, pairs = walks(7, 11), walks(7, 1, seed=2)[:, 0], variogram_pairs(BARS, 2)
    whole = energy_score(samples, y), variogram_score(samples, y, pairs)
    monkeypatch.setattr(multivariate, "_AT_ONCE", 40)
    monkeypatch.setattr(multivariate, "_IN_CACHE", 40)
    np.testing.assert_allclose(energy_score(samples, y), whole[0], rtol=1e-12)
    np.testing.assert_allclose(variogram_score(samples, y, pairs), whole[1], rtol=1e-12)


def test_memory_is_bounded() -> None:
    """Score 720 horizons and 7 targets; differences of all pairs of samples would be 400 MB a window."""
    rng = np.random.default_rng(0)
    samples, y = rng.normal(size=(2, 100, 720, 7)), rng.normal(size=(2, 720, 7))
    tracemalloc.start()
    energy_score(samples, y)
    variogram_score(samples, y, variogram_pairs(np.arange(1, 721), 7))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6


def test_one_sample_has_no_spread() -> None:
    samples, y = walks(2, 1), walks(2, 1)[:, 0]
    with pytest.raises(ValueError, match="energy score is estimated from 2 samples or more, got 1"):
        energy_score(samples, y)
    with pytest.raises(ValueError, match="variogram score is estimated from 2"):
        variogram_score(samples, y, variogram_pairs(BARS, 2))
