"""Horizon embedding: continuous in the horizon, so that one between the trained ones can be asked for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class HorizonEmbedding(nn.Module):
    """``(K,)`` horizons in bars to ``(K, size)``.

    Sines and cosines of log h at geometrically spaced frequencies (as Vaswani et al. 2017, section 3.5, in log h),
    then a small network. In log h because forecasts change with the ratio of horizons, not their difference.
    """

    frequencies: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        half = size // 2
        # From a quarter turn over a factor e to 8 rad per factor e: neighbours stay apart, nothing oscillates between.
        self.register_buffer("frequencies", torch.logspace(math.log10(0.25), math.log10(8.0), half), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * half, size), nn.SiLU(), nn.Linear(size, size))

    def forward(self, horizons: Tensor) -> Tensor:
        angle = torch.log(horizons).unsqueeze(-1) * self.frequencies  # (K, size / 2)
        return torch.as_tensor(self.mlp(torch.cat([angle.sin(), angle.cos()], dim=-1)))
