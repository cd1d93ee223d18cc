"""Noise by seed: independent of batching, shared between schedulers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import kstest

from sssd_engine.noise import normal_quantile
from sssd_registry.sampling.noise import draw_noise


def test_a_windows_noise_does_not_depend_on_its_batch() -> None:
    whole = draw_noise(3, 0, 5, (2, 4, 3, 1))
    parts = [draw_noise(3, 0, 2, (2, 4, 3, 1)), draw_noise(3, 2, 3, (2, 4, 3, 1))]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


def test_schedulers_that_draw_more_share_the_initial_noise() -> None:
    few, many = draw_noise(0, 0, 3, (1, 8, 2, 1)), draw_noise(0, 0, 3, (21, 8, 2, 1))
    np.testing.assert_array_equal(few[0], many[0])


def test_seeds_and_windows_differ_and_the_noise_is_normal() -> None:
    noise = draw_noise(0, 0, 2, (1, 5000, 1, 1))
    assert not np.array_equal(noise, draw_noise(1, 0, 2, (1, 5000, 1, 1)))
    assert not np.array_equal(noise[:, 0], noise[:, 1])
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05


@given(
    seed=st.integers(0, 2**63 - 1), samples=st.integers(1, 300), rest=st.tuples(st.integers(1, 3), st.integers(1, 3))
)
def test_each_part_of_the_normal_distribution_has_one_sample(seed: int, samples: int, rest: tuple[int, int]) -> None:
    noise = draw_noise(seed, 0, 1, (2, samples, *rest))[0, 0]
    ordered = np.sort(noise, axis=0)
    bounds = ndtri(np.arange(1, samples) / samples)[:, None, None]
    slack = 1e-5  # of float32
    assert (ordered[:-1] <= bounds + slack).all()
    assert (ordered[1:] >= bounds - slack).all()
    assert np.isfinite(noise).all()


def test_the_quantile_function_is_the_normals() -> None:
    q = np.linspace(-0.5, 0.5, 20_001, dtype=np.float32)[1:-1]
    np.testing.assert_allclose(normal_quantile(q), ndtri(q.astype(float) + 0.5), atol=1e-5)


def test_a_single_sample_is_normal_and_every_entry_differs() -> None:
    noise = draw_noise(0, 0, 4000, (1, 1, 2, 1))[0, :, 0, :, 0]  # (B, K)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.06


def test_horizons_and_latent_entries_are_independent_of_one_another() -> None:
    noise = draw_noise(0, 0, 300, (1, 40, 2, 2))[0].reshape(-1, 4)  # (B S, K D)
    correlations = np.corrcoef(noise.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 0.04


def test_quantiles_of_stratified_samples_are_nearer_the_truth_than_those_of_independent_ones() -> None:
    noise = draw_noise(0, 0, 300, (2, 100, 1, 1))[..., 0, 0]  # (2, B, S): stratified, independent
    levels = np.array([0.05, 0.25, 0.5, 0.9])
    errors = np.abs(np.quantile(noise, levels, axis=2) - ndtri(levels)[:, None, None]).mean(axis=2)  # (levels, 2)
    assert (errors[:, 0] < errors[:, 1] / 3).all()
