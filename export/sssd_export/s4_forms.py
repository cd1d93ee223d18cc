"""A trained S4 stack for one length, in the form that engines run fastest: matrix products, and no FFT.

ONNX Runtime and TensorRT have no Fourier transform, or a slow one. Of what is left, dense Fourier matrices are the
fastest for one window, and five times as fast as a depthwise convolution with the layer's kernel for 64; the kernels'
Toeplitz matrices are three times as fast again for 64, but are 200 MB a layer at the reference's sizes
(`benchmarks/test_s4_forms.py`).
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from sssd_registry.model.encoder import S4Stack
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.s4d import S4D, S4Block


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
        real, imaginary = (u @ self.forward_matrix).chunk(2, dim=-1)  # (B, H, L + 1)
        product = [
            real * self.response[0] - imaginary * self.response[1],
            real * self.response[1] + imaginary * self.response[0],
        ]
        return torch.cat(product, dim=-1) @ self.inverse_matrix


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


def without_fft(network: SSSDNetwork) -> SSSDNetwork:
    """A copy whose S4 stacks are in the forms above, each for its timeframe's lookback."""
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    for stack, timeframe in zip(frozen.encoder.stacks, network.spec.timeframes, strict=True):
        if isinstance(stack, S4Stack):
            _replace(stack, timeframe.lookback)
    return frozen


def _replace(stack: S4Stack, length: int) -> None:
    matrices = fourier_matrices(length)
    *_, last = range(len(stack.blocks))
    for index, block in enumerate(stack.blocks):
        if not (isinstance(block, S4Block) and isinstance(block.ssm, S4D)):
            continue
        if index == last:
            stack.blocks[index] = LastOfS4Block(block, block.ssm, length)
        else:
            block.ssm = FourierS4D(block.ssm, length, *matrices)
