"""A residual MLP whose blocks attend to the window's past: cross-attention, as a transformer's decoder has it.

A path is denoised with a look at tokens of the encoder's states, not only at one context vector (CSDI, Tashiro et al.
2021, and SSSD, Alcaraz & Strodthoff 2022, condition on the whole observed series). Keys and values depend on the past
alone: an engine computes them once a window, whatever its steps and samples. Blocks start at zero, as adaLN-Zero's do.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.conditioning import Conditioning
from sssd_heads.head_options import AttendOptions
from sssd_heads.zero_init import zero_init


class PastAttention(nn.Module):
    """Attention of every draw's rows ``(B, S, K, H)`` to the window's tokens ``(B, N, C)``."""

    def __init__(self, width: int, cond_size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(cond_size, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Tensor) -> Tensor:
        key, value = (
            one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in self.key_value(past).chunk(2, dim=-1)
        )  # (B, heads, N, H / heads) each
        query = (
            self.query(x.flatten(1, 2)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        )  # (B, heads, S K, H / heads)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)  # (B, S K, H)
        return torch.as_tensor(self.out(mixed)).view(x.shape)


class AttendBlock(nn.Module):
    """Attention to the past, then a perceptron; shift, scale and gate of both from time step and condition."""

    def __init__(self, width: int, cond_size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.modulate = zero_init(nn.Linear(width, 6 * width))
        self.attention = PastAttention(width, cond_size, heads)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, given: Tensor, past: Tensor) -> Tensor:
        """``x (B, S, K, H)``, ``given (B, 1 or S, K, H)``, ``past (B, N, C)``."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulate(given).chunk(6, dim=-1)
        x = x + gate_1 * self.dropout(self.attention(self.norms[0](x) * (1 + scale_1) + shift_1, past))
        hidden = F.silu(self.inner(self.norms[1](x) * (1 + scale_2) + shift_2))
        return torch.add(x, gate_2 * self.outer(self.dropout(hidden)))


class AttendHead(nn.Module):
    """See the module's text.

    Raises:
        ValueError: a width that the heads do not divide.
    """

    def __init__(self, latent_size: int, cond_size: int, options: AttendOptions) -> None:
        super().__init__()
        width, heads = options.width, options.heads
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.conditioning = Conditioning(cond_size, width, options.time_size)
        self.from_z = nn.Linear(latent_size, width)
        self.blocks = nn.ModuleList(
            AttendBlock(width, cond_size, heads, options.dropout) for _ in range(options.blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.out = zero_init(nn.Linear(width, latent_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S)`` or ``(1, 1)``, ``cond (B, K + N, C) -> (B, S, K, D)``."""
        rows, past = cond[:, : z.shape[2]], cond[:, z.shape[2] :]
        given = F.silu(self.conditioning(t, rows))
        x = self.from_z(z) + given  # (B, S, K, H)
        for block in self.blocks:
            x = block(x, given, past)
        return torch.as_tensor(self.out(self.norm(x)))
