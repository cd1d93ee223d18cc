"""A noise head in which every horizon looks at all others."""

import torch
from torch import nn


class HorizonAttention(nn.Module):
    """z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)."""

    def __init__(self, latent_size, cond_size, width):
        super().__init__()
        self.enter = nn.Linear(latent_size, width)
        self.time = nn.Linear(1, width)
        self.cond = nn.Linear(cond_size, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.leave = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, latent_size))

    def forward(self, z, t, cond):
        time = torch.sin(self.time(t[..., None, None] / 200))  # (B, S, 1, W)
        x = self.enter(z) + time + self.cond(cond).unsqueeze(1)  # (B, S, K, W)
        scores = self.query(x) @ self.key(x).transpose(-1, -2) / x.shape[-1] ** 0.5  # (B, S, K, K)
        return self.leave(x + torch.softmax(scores, dim=-1) @ self.value(x))
