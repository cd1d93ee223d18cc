"""What heads of residual blocks share: their blocks differ, what leads in and out does not."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.conditioning import Conditioning
from sssd_heads.zero_init import zero_init


class ResidualHead(nn.Module):
    """Blocks ``(x, given) -> x`` on a stream of one width. Takes ``t`` as ``(B, S)`` or ``(1, 1)``."""

    def __init__(
        self, latent_size: int, cond_size: int, width: int, time_size: int, blocks: Iterable[nn.Module]
    ) -> None:
        super().__init__()
        self.conditioning = Conditioning(cond_size, width, time_size)
        self.from_z = nn.Linear(latent_size, width)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.out = zero_init(nn.Linear(width, latent_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)``."""
        given = F.silu(self.conditioning(t, cond))
        x = self.from_z(z) + given  # (B, S, K, H)
        for block in self.blocks:
            x = block(x, given)
        return torch.as_tensor(self.out(self.norm(x)))
