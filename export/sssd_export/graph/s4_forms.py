"""A trained S4 stack for one length, in the form that engines run fastest: matrix products, and no FFT.

ONNX Runtime and TensorRT have no Fourier transform, or a slow one. Of what is left, a Fourier transform in two levels
of small matrices is the fastest for one window and for 64: three times as fast as dense Fourier matrices at 500 bars,
which are as good below a hundred, and better in bfloat16 on processors that multiply large matrices in it. A depthwise
convolution with the layer's kernel is far slower; the kernels' Toeplitz matrices are as fast for many windows, but are
200 MB a layer at the reference sizes (`benchmarks/test_s4_forms.py`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sssd_registry.model.encoder import S4Stack
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.s4d import S4D, S4Block

_MATRICES = ("forward_matrix", "inverse_matrix", "across", "within", "within_inverse", "across_inverse")
# Bars from which two levels are faster than dense matrices.
_LONG = 96


class FourierS4D(nn.Module):
    """A trained :class:`S4D` as two products with constant Fourier matrices; like its FFT, padded to twice the length.

    Args:
        layer: the layer.
        length: L.
        forward_matrix, inverse_matrix: of :func:`fourier_matrices`, shared by the layers of one length.
    """

    forward_matrix: Tensor  # (L, 2 L + 2)
    inverse_matrix: Tensor  # (2 L + 2, L)
    response: Tensor  # (2, H, L + 1)

    def __init__(self, layer: S4D, length: int, forward_matrix: Tensor, inverse_matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("forward_matrix", forward_matrix)
        self.register_buffer("inverse_matrix", inverse_matrix)
        spectrum = torch.fft.rfft(kernel_with_skip(layer, length).double(), n=2 * length)  # (H, L + 1)
        self.register_buffer("response", torch.stack([spectrum.real, spectrum.imag]).float())

    def forward(self, u: Tensor) -> Tensor:
        """``(B, H, L) -> (B, H, L)``."""
        spectrum = u @ self.forward_matrix  # (B, H, 2 L + 2)
        return _times(spectrum, self.response, dim=-1) @ self.inverse_matrix


class TwoLevelS4D(nn.Module):
    """A trained :class:`S4D` by a Fourier transform in two levels of small matrices: across blocks, then within.

    Cooley & Tukey 1965, "An Algorithm for the Machine Calculation of Complex Fourier Series", eq. 6-8.
    With bars l = W a + b in A blocks of W and frequencies k = p + P q, P = 2 A and N = P W of them,

        Y[p, b] = sum_a exp(-2 pi i p a / P) u[a, b],  U[p, q] = sum_b exp(-2 pi i b (p / N + q / W)) Y[p, b].

    The input is real, so p = 0 … A are enough; the other half is their conjugate. Multiplications for each channel and
    way: 2 L A + 4 L W or so, against 2 L**2 of the dense matrices.

    Args:
        layer: the layer.
        length: L; blocks are padded to A W.
        matrices: of :func:`two_level_matrices`, shared by the layers of one length.
    """

    across: Tensor  # (2 (A + 1), A)
    within: Tensor  # (A + 1, 2 W, 2 W)
    within_inverse: Tensor  # (A + 1, 2 W, 2 W)
    across_inverse: Tensor  # (A, 2 (A + 1))
    response: Tensor  # (2, A + 1, W, H)

    def __init__(self, layer: S4D, length: int, matrices: Sequence[Tensor]) -> None:
        super().__init__()
        for name, matrix in zip(_MATRICES[2:], matrices, strict=True):
            self.register_buffer(name, matrix)
        self.channels, self.length = len(layer.skip), length
        self.blocks, self.width = self.across.shape[1], self.within.shape[1] // 2
        size = 2 * self.blocks * self.width
        spectrum = torch.fft.fft(kernel_with_skip(layer, length).double(), n=size)  # (H, N)
        wanted = spectrum.unflatten(-1, (self.width, -1))[..., : self.blocks + 1].permute(2, 1, 0)  # (A + 1, W, H)
        self.register_buffer("response", torch.stack([wanted.real, wanted.imag]).float())

    def forward(self, u: Tensor) -> Tensor:
        """``(B, H, L) -> (B, H, L)``."""
        x = u.mT  # (B, L, H): as S4 blocks have it, and channels beside one another are what the products want
        padding = self.blocks * self.width - self.length
        if padding:
            x = nn.functional.pad(x, (0, 0, 0, padding))
        half = self.blocks + 1
        y = self.across @ x.reshape(-1, self.blocks, self.width * self.channels)  # (B, 2 (A + 1), W H)
        spectrum = self.within @ y.reshape(-1, half, 2 * self.width, self.channels)  # (B, A + 1, 2 W, H)
        y = self.within_inverse @ _times(spectrum, self.response, dim=-2)
        x = self.across_inverse @ y.reshape(-1, 2 * half, self.width * self.channels)  # (B, A, W H)
        x = x.reshape(-1, self.blocks * self.width, self.channels)
        return (x[:, : self.length] if padding else x).mT


def _times(spectrum: Tensor, response: Tensor, dim: int) -> Tensor:
    """The complex product of a spectrum, its real parts first along ``dim``, with ``response (2, …)``."""
    real, imaginary = spectrum.chunk(2, dim=dim)
    product = [
        real * response[0] - imaginary * response[1],
        real * response[1] + imaginary * response[0],
    ]
    return torch.cat(product, dim=dim)


class LastOfS4Block(nn.Module):
    """A stack's last block where nothing but its last bar is read: one weighted sum over the bars for each channel."""

    weights: Tensor  # (L, H)

    def __init__(self, block: S4Block, layer: S4D, length: int) -> None:
        super().__init__()
        self.block = block
        self.register_buffer("weights", kernel_with_skip(layer, length).flip(-1).mT.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """``(B, L, H) -> (B, 1, H)``."""
        y = (self.block.norm(x) * self.weights).sum(dim=1, keepdim=True)
        return self.block.after(x[:, -1:], y)


def kernel_with_skip(layer: S4D, length: int) -> Tensor:
    """The impulse response with the direct path in its first entry, float32 ``(H, length)``."""
    with torch.no_grad():
        kernel = layer.kernel(length)
        kernel[:, 0] += layer.skip
    return kernel


def fourier_matrices(length: int) -> tuple[Tensor, Tensor]:
    """The real DFT of L values padded to 2 L, ``(L, 2 L + 2)``, real parts first; and the first L of its inverse."""
    size = 2 * length
    frequency = torch.arange(length + 1, dtype=torch.float64)
    angle = 2 * math.pi / size * torch.arange(length, dtype=torch.float64).unsqueeze(-1) * frequency  # (L, L + 1)
    # All but the first and the last frequency stand for their conjugate as well.
    share = torch.full_like(frequency, 2 / size).index_fill(0, torch.tensor([0, length]), 1 / size).unsqueeze(-1)
    forward = torch.cat([angle.cos(), -angle.sin()], dim=-1)
    inverse = torch.cat([share * angle.cos().mT, -share * angle.sin().mT])
    return forward.float(), inverse.float()


def two_level_matrices(length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The matrices of :class:`TwoLevelS4D`, in its order; each is known by its shape.

    Real and imaginary parts of ``Y[p, b]`` are rows 2 p and 2 p + 1; of ``U[p]``, the real parts come first.
    """
    width = block_width(length)
    blocks = -(-length // width)
    p = torch.arange(blocks + 1, dtype=torch.float64)  # (A + 1,)
    a, b = torch.arange(blocks, dtype=torch.float64), torch.arange(width, dtype=torch.float64)
    angle = math.pi / blocks * p.unsqueeze(-1) * a  # (A + 1, A)
    across = torch.stack([angle.cos(), -angle.sin()], dim=1).flatten(0, 1)  # (2 (A + 1), A)
    # All but the first and the last p stand for their conjugate as well.
    share = torch.full_like(p, 2).index_fill(0, torch.tensor([0, blocks]), 1) / (2 * blocks)
    across_inverse = across.mT * share.repeat_interleave(2)  # (A, 2 (A + 1))
    turn = 2 * math.pi * (p.unsqueeze(-1) / (2 * blocks * width) + b / width).unsqueeze(-1) * b  # (A + 1, q, b)
    cos, sin = turn.cos(), turn.sin()
    within = torch.cat([torch.cat([cos, sin], dim=-1), torch.cat([-sin, cos], dim=-1)], dim=-2)
    # The conjugate transpose, which for numbers in their real form is the transpose.
    within_inverse = within.mT / width
    return across.float(), within.float(), within_inverse.contiguous().float(), across_inverse.float()


def block_width(length: int) -> int:
    """W: near sqrt(L / 2), where multiplications are fewest; where there is one, a divisor, since padding is a copy."""
    best = max(1, round(math.sqrt(length / 2)))
    divisors = [width for width in range(best // 2 + 1, 2 * best) if length % width == 0]
    return min(divisors, key=lambda width: abs(math.log(width / best)), default=best)


def is_transform(name: str) -> bool:
    """Tell whether an initializer of that name is a Fourier matrix, which the layers of one length have in common."""
    return name.rpartition(".")[2] in _MATRICES


def without_fft(network: SSSDNetwork, dense: bool = False) -> SSSDNetwork:
    """A copy whose S4 stacks are in the forms above, each for its timeframe's lookback.

    Args:
        network: the network.
        dense: long lookbacks as dense matrices too.
    """
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    for stack, timeframe in zip(frozen.encoder.stacks, network.spec.timeframes, strict=True):
        if isinstance(stack, S4Stack):
            _replace(stack, timeframe.lookback, dense, all_bars=bool(frozen.encoder.past))
    return frozen


def _replace(stack: S4Stack, length: int, dense: bool = False, all_bars: bool = False) -> None:
    """``all_bars``: states after every bar are read, not after the last alone."""
    two_levels = length >= _LONG and not dense
    matrices = two_level_matrices(length) if two_levels else fourier_matrices(length)
    *_, last = range(len(stack.blocks))
    for index, block in enumerate(stack.blocks):
        if not (isinstance(block, S4Block) and isinstance(block.ssm, S4D)):
            continue
        if index == last and not all_bars:
            stack.blocks[index] = LastOfS4Block(block, block.ssm, length)
        elif two_levels:
            block.ssm = TwoLevelS4D(block.ssm, length, matrices)
        else:
            block.ssm = FourierS4D(block.ssm, length, *matrices)
