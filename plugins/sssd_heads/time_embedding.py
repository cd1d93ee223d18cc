"""The time step as a vector."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding of the time step (Ho et al. 2020, after Vaswani et al. 2017, section 3.5), and one layer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_waves = size // 2
        self.project = nn.Linear(2 * self.num_waves, size)

    def forward(self, t: Tensor) -> Tensor:
        """``(B, S) -> (B, S, size)``."""
        # Not a buffer: a network moved to bf16 would round 999 to 1000.
        frequencies = torch.exp(-math.log(10_000.0) * torch.arange(self.num_waves, device=t.device) / self.num_waves)
        angle = t.float().unsqueeze(-1) * frequencies  # (B, S, size / 2)
        waves = torch.cat([angle.sin(), angle.cos()], dim=-1)
        return F.silu(self.project(waves.to(self.project.weight.dtype)))
