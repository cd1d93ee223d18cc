"""The forms of S4 in an engine give what the FFT gives."""

from __future__ import annotations

import pytest
import torch

from sssd_export.s4_forms import FourierS4D, LastOfS4Block, _replace, fourier_matrices
from sssd_registry.model.encoder import S4Stack
from sssd_registry.model.s4d import S4D, S4Block

LENGTHS = [1, 2, 10, 41, 166, 500]


def layer(channels: int = 5, state_size: int = 8) -> S4D:
    torch.manual_seed(0)
    return S4D(channels, state_size).requires_grad_(False)


@pytest.mark.parametrize("length", LENGTHS)
def test_products_with_fourier_matrices_equal_the_fft(length: int) -> None:
    ssm, u = layer(), torch.randn(3, 5, length)
    seen = FourierS4D(ssm, length, *fourier_matrices(length))(u)
    torch.testing.assert_close(seen, ssm(u), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_last_block_gives_its_last_bar(length: int) -> None:
    torch.manual_seed(0)
    block = S4Block(4, 8, dropout=0.5).eval().requires_grad_(False)
    x = torch.randn(3, length, 4)
    assert isinstance(block.ssm, S4D)
    torch.testing.assert_close(LastOfS4Block(block, block.ssm, length)(x), block(x)[:, -1:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_whole_stack(layers: int) -> None:
    torch.manual_seed(0)
    stack = S4Stack(3, 4, 8, layers, dropout=0.0).eval().requires_grad_(False)
    x = torch.randn(2, 30, 3)
    expected = stack(x)
    _replace(stack, 30)
    kinds = [type(block) for block in stack.blocks]
    assert kinds == [S4Block] * (layers - 1) + [LastOfS4Block]
    torch.testing.assert_close(stack(x), expected, atol=1e-5, rtol=1e-4)
