"""Networks in the style of three published forecasters, written for these tests, as their authors would wrap them.

Each is made of ``(latent_size D, cond_size C, options)`` and takes ``z (B, S, K, D), t (B, S), cond (B, K, C)``; K is
the number of a path's components, so that each belongs to a ``HeadSpec(…, tokens=True)``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StepEmbedding(nn.Module):
    """Sines of the time step and two layers. Published networks look whole steps up in a table of 500 or 1,000."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.Sequential(nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size), nn.SiLU())

    def forward(self, t: Tensor) -> Tensor:
        """``(B, S) -> (B, S, size)``."""
        waves = torch.exp(-math.log(10_000.0) / (self.size // 2) * torch.arange(self.size // 2, device=t.device))
        angle = t.unsqueeze(-1) * waves
        return torch.as_tensor(self.layers(torch.cat([angle.sin(), angle.cos()], dim=-1)))


class StateSpace(nn.Module):
    """Diagonal S4 layer over the last axis, both ways: complex parameters as pairs of numbers, and an FFT."""

    def __init__(self, channels: int, states: int = 8) -> None:
        super().__init__()
        self.log_dt = nn.Parameter(torch.rand(2, channels) * 2 - 3)
        self.c = nn.Parameter(torch.randn(2, channels, states, 2))
        self.log_decay = nn.Parameter(torch.log(0.5 * torch.ones(2, channels, states)))
        self.frequency = nn.Parameter(math.pi * torch.arange(states).float().repeat(2, channels, 1))
        self.skip = nn.Parameter(torch.randn(channels))

    def kernel(self, length: int) -> Tensor:
        """``(2, channels, length)``, a kernel for each way."""
        a = -torch.exp(self.log_decay) + 1j * self.frequency
        step = a * torch.exp(self.log_dt).unsqueeze(-1)
        c = torch.view_as_complex(self.c) * (torch.exp(step) - 1.0) / a
        powers = torch.exp(step.unsqueeze(-1) * torch.arange(length, device=a.device))
        return 2 * torch.einsum("whn,whnl->whl", c, powers).real

    def forward(self, u: Tensor) -> Tensor:
        """``(N, channels, L) -> (N, channels, L)``."""
        length = u.shape[-1]
        ahead, back = self.kernel(length)
        both = F.pad(ahead, (0, length)) + F.pad(back.flip(-1), (length, 0))
        spectrum = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(both, n=2 * length)
        return torch.fft.irfft(spectrum, n=2 * length)[..., :length] + u * self.skip.unsqueeze(-1)


class ResidualS4(nn.Module):
    """Residual blocks of S4 layers on a series, given what is observed of it and a mask, as SSSD has them."""

    def __init__(self, latent_size: int, cond_size: int, _options: Any, width: int = 12, blocks: int = 2) -> None:
        super().__init__()
        self.observed, self.mask = nn.Linear(cond_size, latent_size), nn.Linear(cond_size, latent_size)
        self.enter, self.time = nn.Conv1d(latent_size, width, 1), StepEmbedding(16)
        self.blocks = nn.ModuleList(ResidualS4Block(width, 2 * latent_size, 16) for _ in range(blocks))
        self.leave = nn.Sequential(nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, latent_size, 1))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        windows, samples = z.shape[:2]
        mask = torch.sigmoid(self.mask(cond))
        known = torch.cat([self.observed(cond) * mask, mask], dim=-1).mT  # (B, 2 D, K)
        known = known.unsqueeze(1).expand(-1, samples, -1, -1).flatten(0, 1)
        time = self.time(t).expand(windows, samples, -1).flatten(0, 1)
        x, skips = F.relu(self.enter(z.flatten(0, 1).mT)), 0.0
        for block in self.blocks:
            x, skip = block(x, time, known)
            skips = skips + skip
        made = self.leave(skips / math.sqrt(len(self.blocks)))
        return torch.as_tensor(made.mT.unflatten(0, (windows, samples)))


class ResidualS4Block(nn.Module):
    """A time step and a condition added, an S4 layer on either side of the condition, a gate, residual and skip."""

    def __init__(self, width: int, known: int, time: int) -> None:
        super().__init__()
        self.time, self.widen = nn.Linear(time, width), nn.Conv1d(width, 2 * width, 3, padding=1)
        self.first, self.second = StateSpace(2 * width), StateSpace(2 * width)
        self.known, self.out = nn.Conv1d(known, 2 * width, 1), nn.Conv1d(width, 2 * width, 1)

    def forward(self, x: Tensor, time: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        h = self.first(self.widen(x + self.time(time).unsqueeze(-1)))
        h = self.second(h + self.known(known))
        value, gate = h.chunk(2, dim=1)
        residual, skip = self.out(torch.tanh(value) * torch.sigmoid(gate)).chunk(2, dim=1)
        return (x + residual) / math.sqrt(2.0), skip


class TimeFeatureTransformer(nn.Module):
    """Attention over time, then over features, in gated residual layers, as CSDI has them."""

    def __init__(self, latent_size: int, cond_size: int, _options: Any, width: int = 16, layers: int = 2) -> None:
        super().__init__()
        self.enter, self.time, self.known = nn.Linear(1, width), StepEmbedding(16), nn.Linear(cond_size, width)
        self.feature = nn.Embedding(latent_size, width)
        self.layers = nn.ModuleList(TimeFeatureLayer(width, 16) for _ in range(layers))
        self.leave = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        features = torch.arange(z.shape[-1], device=z.device)
        x = F.relu(self.enter(z.unsqueeze(-1)))  # (B, S, K, D, W)
        side = self.known(cond)[:, None, :, None] + self.feature(features)
        time, skips = self.time(t), torch.zeros_like(x)
        for layer in self.layers:
            x, skip = layer(x, time, side)
            skips = skips + skip
        return torch.as_tensor(self.leave(skips / math.sqrt(len(self.layers))).squeeze(-1))


class TimeFeatureLayer(nn.Module):
    """One layer of it; ``x (B, S, K, D, W)``."""

    def __init__(self, width: int, time: int) -> None:
        super().__init__()
        self.time, self.side = nn.Linear(time, width), nn.Linear(width, 2 * width)
        layer = {"nhead": 2, "dim_feedforward": 2 * width, "batch_first": True, "dropout": 0.0}
        self.over_time = nn.TransformerEncoderLayer(width, **layer)  # type: ignore[arg-type]
        self.over_features = nn.TransformerEncoderLayer(width, **layer)  # type: ignore[arg-type]
        self.middle, self.out = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, time: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        h = x + self.time(time)[:, :, None, None]
        shape = h.shape
        h = self.over_time(h.transpose(2, 3).reshape(-1, shape[2], shape[4]))  # a sequence for each feature
        h = h.reshape(shape[0], shape[1], shape[3], shape[2], shape[4]).transpose(2, 3)
        h = self.over_features(h.reshape(-1, shape[3], shape[4])).reshape(shape)
        value, gate = (self.middle(h) + self.side(side)).chunk(2, dim=-1)
        residual, skip = self.out(torch.tanh(value) * torch.sigmoid(gate)).chunk(2, dim=-1)
        return (x + residual) / math.sqrt(2.0), skip


class DilatedConvolutions(nn.Module):
    """Gated circular convolutions of growing dilation, which predict the noise of one moment, as TimeGrad has them.

    They run over the latent of a token by itself, as TimeGrad's over the variables of a moment.
    """

    def __init__(self, latent_size: int, cond_size: int, _options: Any, width: int = 8, layers: int = 4) -> None:
        super().__init__()
        self.enter, self.time = nn.Conv1d(1, width, 1), StepEmbedding(16)
        self.known = nn.Sequential(
            nn.Linear(cond_size, latent_size), nn.LeakyReLU(0.4), nn.Linear(latent_size, latent_size)
        )
        self.layers = nn.ModuleList(DilatedLayer(width, 16, 2 ** (index % 2)) for index in range(layers))
        self.skip, self.leave = nn.Conv1d(width, width, 3, padding=1), nn.Conv1d(width, 1, 3, padding=1)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        windows, samples, tokens, size = z.shape
        known = self.known(cond).unsqueeze(1).expand(-1, samples, -1, -1).reshape(-1, 1, size)
        time = self.time(t).unsqueeze(2).expand(windows, samples, tokens, -1).flatten(0, 2)
        x, skips = F.leaky_relu(self.enter(z.reshape(-1, 1, size)), 0.4), 0.0
        for layer in self.layers:
            x, skip = layer(x, known, time)
            skips = skips + skip
        made = self.leave(F.leaky_relu(self.skip(skips / math.sqrt(len(self.layers))), 0.4))
        return torch.as_tensor(made.reshape(z.shape))


class DilatedLayer(nn.Module):
    """One layer of it; ``x (N, W, D)``."""

    def __init__(self, width: int, time: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.time, self.known = nn.Linear(time, width), nn.Conv1d(1, 2 * width, 1)
        self.dilated, self.out = nn.Conv1d(width, 2 * width, 3, dilation=dilation), nn.Conv1d(width, 2 * width, 1)

    def forward(self, x: Tensor, known: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        y = x + self.time(time).unsqueeze(-1)
        y = self.dilated(circular(y, self.dilation)) + self.known(known)
        gate, value = y.chunk(2, dim=1)
        residual, skip = self.out(torch.sigmoid(gate) * torch.tanh(value)).chunk(2, dim=1)
        return (x + residual) / math.sqrt(2.0), skip


def circular(x: Tensor, padding: int) -> Tensor:
    """Pad the last axis with its own other end, however short it is."""
    size = x.shape[-1]
    places = torch.arange(-padding, size + padding, device=x.device) % size
    return x[..., places]
