"""S4D: a diagonal state-space layer, applied as a convolution.

Gu, Goel, Gupta & Ré 2022, "On the Parameterization and Initialization of Diagonal State Space Models":

    x'(t) = A x(t) + B u(t),  y(t) = Re(C x(t)) + D u(t),  A diagonal and complex, B = 1
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class S4D(nn.Module):
    """One layer of H independent state-space models with N complex-conjugate states each.

    Initialised as S4D-Lin, ``A_n = -1/2 + i pi n`` (eq. 9), which approximates HiPPO-LegS; step sizes are drawn
    log-uniformly from [0.001, 0.1].

    Args:
        channels: H.
        state_size: N, even; only the N/2 states of one half of the conjugate pairs are kept.
        reach: bars, its own among them, that an output depends on; None for all before it.
    """

    def __init__(self, channels: int, state_size: int, reach: int | None = None) -> None:
        super().__init__()
        self.reach = reach
        pairs = state_size // 2
        low, high = math.log(0.001), math.log(0.1)
        self.log_dt = nn.Parameter(low + (high - low) * torch.rand(channels))
        self.log_neg_a_real = nn.Parameter(torch.full((channels, pairs), math.log(0.5)))
        self.a_imag = nn.Parameter((math.pi * torch.arange(pairs)).repeat(channels, 1))
        self.c_real = nn.Parameter(torch.randn(channels, pairs) * 0.5**0.5)
        self.c_imag = nn.Parameter(torch.randn(channels, pairs) * 0.5**0.5)
        self.skip = nn.Parameter(torch.randn(channels))

    def kernel(self, length: int) -> Tensor:
        """The impulse response, float32 ``(H, length)``.

        ``K_l = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n exp(dt A_n l)`` (eq. 3, zero-order hold). The exponentials
        are the costly part: with ``l = q w + r`` they factor into ``exp(dt A q w) exp(dt A r)``, so 2 sqrt(length)
        of them and a matrix product do instead of ``length``. It is 0 beyond the layer's reach.
        """
        if self.reach is not None and self.reach < length:
            return F.pad(self.kernel(self.reach), (0, length - self.reach))
        a = torch.complex(-self.log_neg_a_real.float().exp(), self.a_imag.float())  # (H, N/2)
        rate = a * self.log_dt.float().exp().unsqueeze(-1)
        c = torch.complex(self.c_real.float(), self.c_imag.float()) * (rate.exp() - 1) / a
        width = math.isqrt(length - 1) + 1 if length > 1 else 1
        count = -(-length // width)
        steps = torch.arange(width, device=a.device)
        blocks = torch.arange(count, device=a.device) * width
        within = torch.exp(rate.unsqueeze(-1) * steps)  # (H, N/2, width)
        across = c.unsqueeze(-1) * torch.exp(rate.unsqueeze(-1) * blocks)  # (H, N/2, count)
        real = across.real.mT @ within.real - across.imag.mT @ within.imag  # (H, count, width)
        return 2 * real.flatten(1)[:, :length]

    def forward(self, u: Tensor) -> Tensor:
        """``(B, H, L) -> (B, H, L)``; output l depends on inputs 0 … l only. By FFT, O(L log L).

        Kernel and transforms are float32 whatever the precision around them: neither has a half form everywhere.
        """
        length = u.shape[-1]
        size = 2 * length
        spectrum = torch.fft.rfft(u.float(), n=size) * torch.fft.rfft(self.kernel(length), n=size)
        y = torch.fft.irfft(spectrum, n=size)[..., :length].to(u.dtype)
        return torch.add(y, u * self.skip.unsqueeze(-1))


class S4Block(nn.Module):
    """Pre-norm residual block: LayerNorm, S4D, GELU, gated linear unit, dropout."""

    def __init__(self, channels: int, state_size: int, dropout: float, reach: int | None = None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.ssm: nn.Module = S4D(channels, state_size, reach)
        self.gate = nn.Linear(channels, 2 * channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, L, H) -> (B, L, H)``."""
        return self.after(x, self.ssm(self.norm(x).mT).mT)

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """Gate the state-space model's output ``y``, and add it to the block's input."""
        return torch.add(x, self.dropout(F.glu(self.gate(F.gelu(y)), dim=-1)))
