"""A residual MLP with adaptive layer norm: each horizon by itself, conditioned in every block.

The block is DiT's (Peebles and Xie 2023, "Scalable Diffusion Models with Transformers", section 3.2, adaLN-Zero)
without its attention. Shift, scale and gate of each block come from time step and condition. They start at zero, so
that the head begins as the identity's neighbour.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.head_options import AdaLNOptions
from sssd_heads.residual import ResidualHead


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


class AdaLNHead(ResidualHead):
    """See the module's text."""

    def __init__(self, latent_size: int, cond_size: int, options: AdaLNOptions) -> None:
        blocks = (AdaLNBlock(options.width, options.dropout) for _ in range(options.blocks))
        super().__init__(latent_size, cond_size, options.width, options.time_size, blocks)
