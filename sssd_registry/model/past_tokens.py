"""Tokens of the past: what a head that attends sees of a window, besides the one context vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PastTokens(nn.Module):
    """States of a stack at every bar to N tokens, the means of N stretches of equal length: the last bars are in.

    As patches are to PatchTST (Nie et al. 2023, "A Time Series is Worth 64 Words"), but of states, which know all that
    came before them. A token's place is learnt.

    Args:
        length: L, bars of the window.
        channels: H.
        count: N; a window of fewer bars has a token for each bar.
        size: E, of a token.
    """

    def __init__(self, length: int, channels: int, count: int, size: int) -> None:
        super().__init__()
        self.count = min(count, length)
        self.bars = length // self.count
        self.project = nn.Linear(channels, size)
        self.place = nn.Parameter(0.02 * torch.randn(self.count, size))

    def forward(self, states: Tensor) -> Tensor:
        """``(B, L, H) -> (B, N, E)``."""
        last = states[:, -self.count * self.bars :]
        stretches = last.reshape(-1, self.count, self.bars, states.shape[-1])  # (B, N, L / N, H)
        return torch.add(self.project(stretches.mean(dim=2)), self.place)
