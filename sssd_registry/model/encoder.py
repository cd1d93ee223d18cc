"""Multi-timeframe S4 encoder: one stack for each timeframe, then attention across timeframes.

Heads that attend to the past get tokens of every stack's states beside the one context vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_registry.model.past_tokens import PastTokens
from sssd_registry.model.s4d import S4Block


class S4Stack(nn.Module):
    """``(B, L, F) -> (B, H)``: the state after the last bar."""

    def __init__(
        self,
        num_features: int,
        channels: int,
        state_size: int,
        num_layers: int,
        dropout: float,
        reach: int | None = None,
    ) -> None:
        super().__init__()
        self.project = nn.Linear(num_features, channels)
        self.blocks = nn.ModuleList(S4Block(channels, state_size, dropout, reach) for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        return torch.as_tensor(self.norm(self._mixed(features)[:, -1]))  # (B, H)

    def states(self, features: Tensor) -> Tensor:
        """``(B, L, F) -> (B, L, H)``: the state after every bar."""
        return torch.as_tensor(self.norm(self._mixed(features)))

    def _mixed(self, features: Tensor) -> Tensor:
        x = self.project(features)  # (B, L, H)
        for block in self.blocks:
            x = block(x)
        return torch.as_tensor(x)


class TimeframeAttention(nn.Module):
    """Pre-norm self-attention over the T timeframes, with a learnt embedding for each: ``(B, T, H) -> (B, T, H)``."""

    def __init__(self, num_timeframes: int, channels: int) -> None:
        super().__init__()
        self.num_heads = next(heads for heads in (4, 2, 1) if channels % heads == 0)
        self.embedding = nn.Parameter(torch.randn(num_timeframes, channels) * 0.02)
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.embedding
        heads = self.qkv(self.norm(tokens)).unflatten(-1, (3, self.num_heads, -1))  # (B, T, 3, heads, H/heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T, H/heads)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return torch.add(tokens, self.out(mixed.transpose(1, 2).flatten(2)))  # (B, T, H)


class S4Encoder(nn.Module):
    """``{timeframe: (B, L_tf, F)} -> (B, 1 + N, E)``, float32: a context, and tokens of the past if any are asked for.

    Args:
        timeframes: lookbacks by name, finest first.
        num_features: F.
        feature_size: width H of each stack.
        state_size: N of each S4D layer.
        num_layers: S4 blocks in each stack.
        context_size: E.
        dropout: after each block, in training.
        reaches: bars that each layer looks at, for each timeframe; default: all.
        past_tokens: tokens of each timeframe, at most; 0 for heads that see the context alone.
    """

    def __init__(
        self,
        timeframes: Mapping[str, int],
        num_features: int,
        feature_size: int,
        state_size: int,
        num_layers: int,
        context_size: int,
        dropout: float,
        reaches: Sequence[int] | None = None,
        past_tokens: int = 0,
    ) -> None:
        super().__init__()
        self.timeframes = tuple(timeframes)
        every: Sequence[int | None] = reaches or [None] * len(self.timeframes)
        self.stacks = nn.ModuleList(
            S4Stack(num_features, feature_size, state_size, num_layers, dropout, reach) for reach in every
        )
        self.attention = TimeframeAttention(len(self.timeframes), feature_size)
        self.dropout = nn.Dropout(dropout)
        self.context = nn.Linear(len(self.timeframes) * feature_size, context_size)
        # Starts without an opinion: the head first learns what holds for every window, the random walk's part.
        nn.init.zeros_(self.context.weight)
        nn.init.zeros_(self.context.bias)
        self.past = nn.ModuleList(
            PastTokens(length, feature_size, past_tokens, context_size) for length in timeframes.values() if past_tokens
        )

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        stacks: list[Any] = list(self.stacks)
        named = [(features[name], stack) for name, stack in zip(self.timeframes, stacks, strict=True)]
        if not self.past:
            return self.mix(torch.stack([stack(tensor) for tensor, stack in named], dim=1))
        states = [stack.states(tensor) for tensor, stack in named]  # (B, L_tf, H) each
        past = [tokens(state) for tokens, state in zip(self.past, states, strict=True)]  # (B, N_tf, E) each
        return torch.cat([self.mix(torch.stack([state[:, -1] for state in states], dim=1)), *past], dim=1)

    def mix(self, last: Tensor) -> Tensor:
        """Each timeframe's state after the last bar ``(B, T, H)`` to the context ``(B, 1, E)``."""
        mixed = self.attention(last)  # (B, T, H)
        return torch.as_tensor(self.context(self.dropout(F.silu(mixed.flatten(1))))).unsqueeze(1)
