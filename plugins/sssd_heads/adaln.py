"""A residual MLP with adaptive layer norm: each horizon by itself, conditioned in every block.

The block is DiT's (Peebles and Xie 2023, "Scalable Diffusion Models with Transformers", section 3.2, adaLN-Zero)
without its attention: shift, scale and gate of each block come from time step and condition, and start at zero, so
that the head begins as the identity's neighbour.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.options import AdaLNOptions
from sssd_heads.start import starting_at_zero
from sssd_heads.time_embedding import TimeEmbedding


class AdaLNBlock(nn.Module):
    """``x + gate * MLP(scale * norm(x) + shift)``."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(width, 3 * width)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """``x (B, S, K, H)``, ``given (B, 1 or S, K, H)``."""
        shift, scale, gate = self.modulate(given).chunk(3, dim=-1)
        hidden = F.silu(self.inner(self.norm(x) * (1 + scale) + shift))
        return torch.add(x, gate * self.outer(self.dropout(hidden)))


class AdaLNHead(nn.Module):
    """See the module's text. Takes ``t`` as ``(B, S)`` or ``(1, 1)``."""

    def __init__(self, latent_size: int, cond_size: int, options: AdaLNOptions) -> None:
        super().__init__()
        width = options.width
        self.time = TimeEmbedding(options.time_size)
        self.from_time = nn.Linear(options.time_size, width, bias=False)
        self.from_cond = nn.Linear(cond_size, width)
        self.from_z = nn.Linear(latent_size, width)
        self.blocks = nn.ModuleList(AdaLNBlock(width, options.dropout) for _ in range(options.blocks))
        self.norm = nn.LayerNorm(width)
        self.out = starting_at_zero(nn.Linear(width, latent_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)``."""
        given = F.silu(self.from_cond(cond).unsqueeze(1) + self.from_time(self.time(t)).unsqueeze(2))
        x = self.from_z(z) + given  # (B, S, K, H)
        for block in self.blocks:
            x = block(x, given)
        return torch.as_tensor(self.out(self.norm(x)))
