"""A 1-D U-Net along the horizons whose every block is modulated by time step and condition (FiLM).

As in Diffusion Policy (Chi et al. 2023, section IV-A, after Janner et al. 2022), with two differences. Each horizon
has a condition of its own, so that scale and shift vary along the axis. Levels average neighbours where there are
any, so that one horizon or three are served without padding.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.conditioning import Conditioning
from sssd_heads.head_options import FiLMUNetOptions
from sssd_heads.zero_init import zero_init


class FiLMBlock(nn.Module):
    """Two convolutions along the horizons; scale and shift between them from time step and condition."""

    def __init__(self, width_in: int, width: int, given_size: int, kernel_size: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(width_in, width, kernel_size, padding=kernel_size // 2)
        self.conv_2 = nn.Conv1d(width, width, kernel_size, padding=kernel_size // 2)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.film = nn.Linear(given_size, 2 * width)
        self.skip = nn.Linear(width_in, width) if width_in != width else nn.Identity()
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """``x (B, S, K, H_in)``, ``given (B, 1 or S, K, G) -> (B, S, K, H)``."""
        scale, shift = self.film(given).chunk(2, dim=-1)
        y = self.norms[0](_along(self.conv_1, x)) * (1 + scale) + shift
        y = self.norms[1](_along(self.conv_2, F.silu(y)))
        return torch.add(self.skip(x), F.silu(y))


class FiLMUNetHead(nn.Module):
    """See the module's text. Takes ``t`` as ``(B, S)`` or ``(1, 1)``.

    Raises:
        ValueError: no widths, or an even kernel.
    """

    def __init__(self, latent_size: int, cond_size: int, options: FiLMUNetOptions) -> None:
        super().__init__()
        if not options.widths or options.kernel_size % 2 == 0:
            raise ValueError(f"one width or more, and an odd kernel_size, got {options}")
        widths, given = options.widths, options.widths[0]
        self.conditioning = Conditioning(cond_size, given, options.time_size)
        self.from_z = nn.Linear(latent_size, widths[0])
        ins = (widths[0], *widths[:-1])
        self.down = nn.ModuleList(FiLMBlock(a, b, given, options.kernel_size) for a, b in zip(ins, widths, strict=True))
        self.up = nn.ModuleList(FiLMBlock(a + b, a, given, options.kernel_size) for a, b in pairwise(widths))
        self.out = zero_init(nn.Linear(widths[0], latent_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)``."""
        given = [F.silu(self.conditioning(t, cond))]
        x = self.from_z(z)
        levels: list[Tensor] = []
        for index, block in enumerate(self.down):
            if index:
                x, given = _halve(x), [*given, _halve(given[-1])]
            x = block(x, given[-1])
            levels.append(x)
        for index in reversed(range(len(self.up))):
            finer = levels[index]
            doubled = x.repeat_interleave(2, dim=2)[:, :, : finer.shape[2]]
            x = self.up[index](torch.cat([finer, doubled], dim=-1), given[index])
        return torch.as_tensor(self.out(x))


def _along(conv: nn.Module, x: Tensor) -> Tensor:
    """A convolution along K of ``(B, S, K, H)``."""
    return torch.as_tensor(conv(x.flatten(0, 1).mT)).mT.reshape(*x.shape[:3], -1)


def _halve(x: Tensor) -> Tensor:
    """Means of neighbours along K; a last one without neighbour stays."""
    if x.shape[2] % 2:
        x = torch.cat([x, x[:, :, -1:]], dim=2)
    windows, samples, count, width = x.shape
    return x.reshape(windows, samples, count // 2, 2, width).mean(dim=3)
