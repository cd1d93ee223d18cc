"""The MLP head: one perceptron for every (sample, horizon), conditioned on context, horizon and time step.

Condition and time enter the first layer through projections of their own instead of being concatenated to z. The
sum is the same linear map, but the condition's part is then computed once for all S samples, and, in an engine,
once for all steps, and the time's part becomes a constant.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.options import MLPOptions
from sssd_heads.time_embedding import TimeEmbedding
from sssd_heads.zero_init import zero_init


class MLPHead(nn.Module):
    """See the module's text. Takes ``t`` as ``(B, S)`` or ``(1, 1)``."""

    def __init__(self, latent_size: int, cond_size: int, options: MLPOptions) -> None:
        super().__init__()
        first, *rest = options.hidden_sizes
        self.time = TimeEmbedding(options.time_size)
        self.from_z = nn.Linear(latent_size, first, bias=False)
        self.from_cond = nn.Linear(cond_size, first)
        self.from_time = nn.Linear(options.time_size, first, bias=False)
        widths = [first, *rest]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, rest, strict=False))
        self.out = zero_init(nn.Linear(widths[-1], latent_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)``."""
        bias = self.from_cond(cond).unsqueeze(1) + self.from_time(self.time(t)).unsqueeze(2)  # (B, 1 or S, K, H)
        x = F.silu(self.from_z(z) + bias)
        for layer in self.hidden:
            x = F.silu(layer(x))
        return torch.as_tensor(self.out(x))
