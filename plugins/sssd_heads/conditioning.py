"""Time step and condition as one vector for each horizon."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sssd_heads.time_embedding import TimeEmbedding


class Conditioning(nn.Module):
    """The sum of two projections: the condition's is made once for all samples, and the time's may be one for all."""

    def __init__(self, cond_size: int, width: int, time_size: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(time_size)
        self.from_time = nn.Linear(time_size, width, bias=False)
        self.from_cond = nn.Linear(cond_size, width)

    def forward(self, t: Tensor, cond: Tensor) -> Tensor:
        """``t (B, S)`` or ``(1, 1)``, ``cond (B, K, C)`` to ``(B, S or 1, K, width)``."""
        return torch.add(self.from_cond(cond).unsqueeze(1), self.from_time(self.time(t)).unsqueeze(2))
