"""Noise by seed: independent of batching, shared between schedulers, its first rows stratified."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import kstest

from sssd_engine.noise import NoiseShape, draw_noise, normal_quantile
from sssd_registry.sampling.noise import path_noise

SHAPE = NoiseShape((10, 2), (3, 1, 4))


def test_a_windows_noise_does_not_depend_on_its_batch() -> None:
    whole, parts = draw_noise(3, 0, 5, 4, SHAPE), [draw_noise(3, 0, 2, 4, SHAPE), draw_noise(3, 2, 3, 4, SHAPE)]
    for kind in range(2):
        np.testing.assert_array_equal(whole[kind], np.concatenate([part[kind] for part in parts]))


def test_schedulers_that_draw_more_share_the_paths_noise() -> None:
    few, many = (draw_noise(0, 0, 3, 8, NoiseShape((10, 2), (draws, 1, 4))) for draws in (0, 20))
    np.testing.assert_array_equal(few[0], many[0])
    assert few[1].shape == (3, 0, 8, 1, 4)
    assert many[1].shape == (3, 20, 8, 1, 4)


def test_seeds_and_windows_differ_and_the_noise_is_normal() -> None:
    noise, draws = draw_noise(0, 0, 2, 5000, SHAPE)
    assert not np.array_equal(noise, draw_noise(1, 0, 2, 5000, SHAPE)[0])
    assert not np.array_equal(noise[0], noise[1])
    for each in (noise[:, :, :8], noise[:, :, 8:], draws):
        assert each.dtype == np.float32
        assert abs(each.mean()) < 0.02
        assert abs(each.std() - 1) < 0.02


@given(seed=st.integers(0, 2**63 - 1), samples=st.integers(1, 300), points=st.integers(1, 11))
def test_each_part_of_the_normal_distribution_has_one_sample_of_the_first_rows(
    seed: int, samples: int, points: int
) -> None:
    noise, _ = draw_noise(seed, 0, 1, samples, NoiseShape((points, 2)))
    ordered = np.sort(noise[0, :, :8], axis=0)
    bounds = ndtri(np.arange(1, samples) / samples)[:, None, None]
    slack = 1e-5  # of float32
    assert (ordered[:-1] <= bounds + slack).all()
    assert (ordered[1:] >= bounds - slack).all()
    assert np.isfinite(noise).all()


def test_the_quantile_function_is_the_normals() -> None:
    q = np.linspace(-0.5, 0.5, 20_001, dtype=np.float32)[1:-1]
    np.testing.assert_allclose(normal_quantile(q), ndtri(q.astype(float) + 0.5), atol=1e-5)


def test_a_single_sample_is_normal_and_every_entry_differs() -> None:
    noise = draw_noise(0, 0, 4000, 1, NoiseShape((10, 1)))[0][:, 0, :, 0]  # (B, P)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3
    correlations = np.corrcoef(noise.T)[np.triu_indices(10, 1)]
    assert np.abs(correlations).max() < 0.07


def test_entries_are_independent_of_one_another() -> None:
    noise, draws = draw_noise(0, 0, 300, 40, NoiseShape((9, 2), (1, 1, 2)))
    rows = np.concatenate([noise.reshape(-1, 18), draws.reshape(-1, 2)], axis=1)
    correlations = np.corrcoef(rows.T)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 0.05


def test_as_a_solver_takes_it_it_is_what_paths_begin_with_and_then_the_draws() -> None:
    noise = path_noise(0, 0, 2, 5, SHAPE)
    first = torch.randn(2, 5, 1, 4)
    whole = noise.of_solver(first)
    assert whole.shape == (4, 2, 5, 1, 4)
    assert torch.equal(whole[0], first)
    assert torch.equal(whole[1:], noise.draws)


def test_a_torch_generator_gives_noise_of_the_same_shapes() -> None:
    seeded, drawn = (path_noise(source, 0, 2, 5, SHAPE) for source in (0, torch.Generator().manual_seed(0)))
    assert (seeded.paths.shape, seeded.draws.shape) == (drawn.paths.shape, drawn.draws.shape)
