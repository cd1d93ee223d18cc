"""Strata restored by ranks: marginals as exact as stratified ones, dependence as it was, of any number of samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import kstest, norm, spearmanr
from torch import Tensor

from sssd_registry.model.strata import normal_quantile, normal_share, stratified


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 300), seed=st.integers(0, 1000), scale=st.sampled_from([0.0, 1e-9, 1.0, 1e3]))
def test_each_part_has_one_sample_and_ranks_stay(samples: int, seed: int, scale: float) -> None:
    """Whatever comes in: a column of equal values, too."""
    given_ = scale * normal(2, samples, 3, 2, seed=seed)
    made = stratified(given_)
    assert made.dtype == torch.float32
    ordered = made.sort(dim=1).values.numpy()
    bounds = ndtri(np.arange(1, samples) / samples)[:, None, None]
    assert (ordered[:, :-1] <= bounds + 1e-5).all()
    assert (ordered[:, 1:] >= bounds - 1e-5).all()
    if scale:
        order = given_.argsort(dim=1)
        assert (made.gather(1, order).diff(dim=1) >= 0).all()


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_sample_by_itself_is_standard_normal(samples: int) -> None:
    made = stratified(normal(20_000, samples, 1, 1))[:, 0, 0, 0].numpy()
    assert kstest(made, "norm").pvalue > 1e-3


def test_one_sample_alone_stays_where_it_is() -> None:
    lonely = normal(500, 1, 2, 2)
    torch.testing.assert_close(stratified(lonely).double(), lonely, rtol=0, atol=1e-4)


def test_dependence_is_kept() -> None:
    first = normal(1, 400, 1, 1)
    pair = torch.cat([first, 0.6 * first + 0.8 * normal(1, 400, 1, 1, seed=1)], dim=2)
    made = stratified(pair)[0, :, :, 0].numpy()
    assert spearmanr(made).statistic == pytest.approx(spearmanr(pair[0, :, :, 0].numpy()).statistic, abs=1e-12)
    assert np.abs(made - pair[0, :, :, 0].numpy()).max() < 0.7
    assert np.abs(made - pair[0, :, :, 0].numpy()).mean() < 0.06


def test_a_tiny_change_is_a_small_change() -> None:
    """Two samples that are nearly the same may change their ranks between two machines."""
    one = normal(4, 200, 3, 1)
    other = one + 1e-12 * normal(4, 200, 3, 1, seed=1)
    torch.testing.assert_close(stratified(one), stratified(other), rtol=0, atol=1e-5)


def test_a_horizon_does_not_depend_on_the_others() -> None:
    whole = normal(2, 50, 4, 2)
    torch.testing.assert_close(stratified(whole[:, :, 1:3]), stratified(whole)[:, :, 1:3], rtol=0, atol=0)


def test_distribution_and_quantile_function_are_the_normals() -> None:
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    np.testing.assert_allclose(normal_share(x), norm.cdf(x), rtol=0, atol=1e-7)
    q = torch.linspace(-0.5, 0.5, 20_001)[1:-1]
    np.testing.assert_allclose(normal_quantile(q), ndtri(q.double() + 0.5), atol=1e-5)
