"""The forms of S4 in an engine give what the FFT gives."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sssd_export.graph.s4_forms import (
    _LONG,
    FourierS4D,
    LastOfS4Block,
    TwoLevelS4D,
    _replace,
    block_width,
    fourier_matrices,
    two_level_matrices,
)
from sssd_registry.model.encoder import S4Stack
from sssd_registry.model.s4d import S4D, S4Block

LENGTHS = [1, 2, 3, 10, 41, 166, 500]


def layer(channels: int = 5, state_size: int = 8) -> S4D:
    torch.manual_seed(0)
    return S4D(channels, state_size).requires_grad_(False)


@pytest.mark.parametrize("length", LENGTHS)
def test_products_with_fourier_matrices_equal_the_fft(length: int) -> None:
    ssm, u = layer(), torch.randn(3, 5, length)
    seen = FourierS4D(ssm, length, *fourier_matrices(length))(u)
    torch.testing.assert_close(seen, ssm(u), atol=2e-5, rtol=1e-4)


@settings(deadline=None, max_examples=40)
@given(length=st.integers(1, 700))
def test_two_levels_equal_the_fft(length: int) -> None:
    ssm, u = layer(), torch.randn(3, 5, length)
    seen = TwoLevelS4D(ssm, length, two_level_matrices(length))(u)
    torch.testing.assert_close(seen, ssm(u), atol=2e-5, rtol=1e-4)


@given(length=st.integers(1, 100_000))
def test_blocks_are_few_and_padded_by_less_than_one_of_them(length: int) -> None:
    width = block_width(length)
    assert 1 <= width <= math.sqrt(2 * length) + 1
    assert -(-length // width) * width < length + width


def test_where_a_width_divides_there_is_no_padding() -> None:
    assert {length: block_width(length) for length in (500, 166, 168, 288)} == {500: 20, 166: 9, 168: 8, 288: 12}


@given(one=st.integers(2, 400), other=st.integers(2, 400))
def test_matrices_of_one_shape_are_the_same(one: int, other: int) -> None:
    """Engines keep one for each shape."""
    for first, second in zip(two_level_matrices(one), two_level_matrices(other), strict=True):
        if first.shape == second.shape:
            assert torch.equal(first, second)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_last_block_gives_its_last_bar(length: int) -> None:
    torch.manual_seed(0)
    block = S4Block(4, 8, dropout=0.5).eval().requires_grad_(False)
    x = torch.randn(3, length, 4)
    assert isinstance(block.ssm, S4D)
    torch.testing.assert_close(LastOfS4Block(block, block.ssm, length)(x), block(x)[:, -1:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("length", "dense", "form"),
    [(_LONG - 1, False, FourierS4D), (_LONG, False, TwoLevelS4D), (_LONG, True, FourierS4D)],
)
def test_a_whole_stack(layers: int, length: int, dense: bool, form: type) -> None:
    torch.manual_seed(0)
    stack = S4Stack(3, 4, 8, layers, dropout=0.0).eval().requires_grad_(False)
    x = torch.randn(2, length, 3)
    expected = stack(x)
    _replace(stack, length, dense)
    kinds = [type(block) for block in stack.blocks]
    assert kinds == [S4Block] * (layers - 1) + [LastOfS4Block]
    assert [type(block.ssm) for block in stack.blocks[:-1]] == [form] * (layers - 1)
    torch.testing.assert_close(stack(x), expected, atol=1e-5, rtol=1e-4)
