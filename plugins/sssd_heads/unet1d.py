"""diffusers' ``UNet1DModel`` along the horizon axis.

Its blocks ``DownBlock1D`` and ``AttnDownBlock1D`` ignore the time embedding, so time and condition come in as
channels. Every level and the middle halve the length and pad it by reflection, for which the shortest needs three
horizons. So the horizons are padded to ``3 * 2^(levels + 1)``, or a multiple of ``2^(levels + 1)`` beyond that. A
channel tells which are real. The middle block attends over the horizons in either variant; ``attention`` adds it to
every level.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.conditioning import Conditioning
from sssd_heads.head_options import UNet1DOptions
from sssd_heads.zero_init import zero_init


class UNet1DHead(nn.Module):
    """See the module's text. Takes ``t`` as ``(B, S)`` or ``(1, 1)``.

    Raises:
        ValueError: channels that are no multiple of 32, which is what its attention has for each of its heads.
    """

    def __init__(self, latent_size: int, cond_size: int, options: UNet1DOptions, attention: bool) -> None:
        super().__init__()
        widths = options.block_out_channels
        if not widths or any(width % 32 or width < 32 for width in widths):
            raise ValueError(f"block_out_channels are multiples of 32, got {widths}")
        self.halvings = 2 ** (len(widths) + 1)
        self.conditioning = Conditioning(cond_size, widths[0], options.time_size)
        self.from_z = nn.Linear(latent_size, widths[0])
        self.unet = _unet(widths, "Attn" if attention else "")
        self.out = zero_init(nn.Linear(widths[0], latent_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)``."""
        x = (self.from_z(z) + self.conditioning(t, cond)).flatten(0, 1).mT  # (B S, H, K)
        real = torch.ones_like(x[:, :1])
        count = x.shape[-1]
        missing = max(3 * self.halvings, -(-count // self.halvings) * self.halvings) - count
        padded = F.pad(torch.cat([x, real], dim=1), (0, missing))  # (B S, H + 1, padded K)
        made = self.unet(padded, 0).sample[..., :count]  # (B S, H, K)
        return torch.as_tensor(self.out(made.mT)).view(z.shape)


def _unet(widths: tuple[int, ...], attention: str) -> Any:
    from diffusers import UNet1DModel

    return UNet1DModel(
        in_channels=widths[0] + 1,
        out_channels=widths[0],  # its attention needs 32 or more, a latent has often 1
        time_embedding_type="positional",  # not used by these blocks; the other kind has parameters
        down_block_types=(f"{attention}DownBlock1D",) * len(widths),
        up_block_types=(f"{attention}UpBlock1D",) * len(widths),
        block_out_channels=widths,
    )
