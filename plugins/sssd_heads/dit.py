"""A diffusion transformer over the horizons: every horizon is a token and sees the others' noisy values.

Blocks have adaptive layer norm as in DiT (Peebles and Xie 2023, section 3.2, adaLN-Zero). But each token has a
condition of its own, which tells its horizon: no position embedding, any number and spacing of horizons.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.head_options import DiTOptions
from sssd_heads.residual import ResidualHead


class HorizonAttention(nn.Module):
    """Self-attention over the horizons of one draw: ``(B, S, K, H) -> (B, S, K, H)``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(x).flatten(0, 1).unflatten(-1, (3, self.heads, -1))  # (B S, K, 3, heads, H / heads)
        query, key, value = rows.permute(2, 0, 3, 1, 4).unbind(0)  # (B S, heads, K, H / heads)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return torch.as_tensor(self.out(mixed)).view(x.shape)


class DiTBlock(nn.Module):
    """Attention over horizons, then a perceptron; shift, scale and gate of both from time step and condition."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.modulate = nn.Linear(width, 6 * width)
        self.attention = HorizonAttention(width, heads)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """``x (B, S, K, H)``, ``given (B, 1 or S, K, H)``."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulate(given).chunk(6, dim=-1)
        x = x + gate_1 * self.dropout(self.attention(self.norms[0](x) * (1 + scale_1) + shift_1))
        hidden = F.silu(self.inner(self.norms[1](x) * (1 + scale_2) + shift_2))
        return torch.add(x, gate_2 * self.outer(self.dropout(hidden)))


class DiTHead(ResidualHead):
    """See the module's text.

    Raises:
        ValueError: a width that the heads do not divide.
    """

    def __init__(self, latent_size: int, cond_size: int, options: DiTOptions) -> None:
        width, heads = options.width, options.heads
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        blocks = (DiTBlock(width, heads, options.dropout) for _ in range(options.blocks))
        super().__init__(latent_size, cond_size, width, options.time_size, blocks)
