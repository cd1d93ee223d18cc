"""The MLP head keeps the contract of heads."""

from __future__ import annotations

import pytest
import torch

from sssd_heads.head_options import MLPOptions
from sssd_heads.mlp import MLPHead


@pytest.mark.parametrize("sizes", [(8,), (8, 8), (16, 8, 4)])
def test_shapes(sizes: tuple[int, ...]) -> None:
    head = MLPHead(3, 5, MLPOptions(hidden_sizes=sizes, time_size=6))
    z = torch.randn(2, 7, 4, 3)
    assert head(z, torch.rand(2, 7) * 999, torch.randn(2, 4, 5)).shape == z.shape


def test_time_broadcasts() -> None:
    head = MLPHead(3, 5, MLPOptions(hidden_sizes=(8,), time_size=6))
    z, cond = torch.randn(2, 7, 4, 3), torch.randn(2, 4, 5)
    torch.testing.assert_close(head(z, torch.full((2, 7), 31.0), cond), head(z, torch.full((1, 1), 31.0), cond))


def test_samples_horizons_and_windows_do_not_mix() -> None:
    head = MLPHead(3, 5, MLPOptions(hidden_sizes=(8, 8), time_size=6))
    z, t, cond = torch.randn(2, 7, 4, 3), torch.rand(2, 7) * 999, torch.randn(2, 4, 5)
    part = head(z[1:, 2:4, 1:2], t[1:, 2:4], cond[1:, 1:2])
    torch.testing.assert_close(head(z, t, cond)[1:, 2:4, 1:2], part, atol=1e-6, rtol=1e-5)


def test_it_starts_at_zero() -> None:
    """Which is the right answer of v-prediction for standard normal data."""
    head = MLPHead(3, 5, MLPOptions(hidden_sizes=(8,), time_size=6))
    assert not head(torch.randn(1, 2, 4, 3), torch.zeros(1, 2), torch.randn(1, 4, 5)).any()


def test_time_and_condition_matter() -> None:
    head = MLPHead(3, 5, MLPOptions(hidden_sizes=(8,), time_size=6))
    torch.nn.init.normal_(head.out.weight)
    z, cond = torch.randn(1, 2, 4, 3), torch.randn(1, 4, 5)
    base = head(z, torch.zeros(1, 2), cond)
    assert not torch.allclose(base, head(z, torch.full((1, 2), 500.0), cond))
    assert not torch.allclose(base, head(z, torch.zeros(1, 2), cond + 1))


def test_it_runs_in_bf16() -> None:
    head = MLPHead(3, 5, MLPOptions(hidden_sizes=(8,), time_size=6)).bfloat16()
    out = head(torch.randn(1, 2, 4, 3).bfloat16(), torch.full((1, 2), 999.0), torch.randn(1, 4, 5).bfloat16())
    assert out.dtype == torch.bfloat16
