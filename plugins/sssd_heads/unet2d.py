"""diffusers' ``UNet2DModel`` on an image of the horizons: row after row of ``columns`` horizons.

Folding a series into rows of a period, so that neighbours in time lie side by side and the same phase one below the
other, is how LDM4TS (Qin et al. 2025) and TimesNet (Wu et al. 2023, section 3.1) make images of series. The image
is padded to a multiple of the levels' halvings, and a channel tells which pixels are real.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_heads.options import UNet2DOptions
from sssd_heads.zero_init import zero_init


class UNet2DHead(nn.Module):
    """See the module's text. Takes ``t`` as ``(B, S)`` or ``(1, 1)``.

    Raises:
        ValueError: channels that are no multiple of 8, the number of groups of its norms, or no columns.
    """

    def __init__(self, latent_size: int, cond_size: int, options: UNet2DOptions) -> None:
        super().__init__()
        widths = options.block_out_channels
        if not widths or any(width % 8 or width < 8 for width in widths) or options.columns < 1:
            raise ValueError(f"block_out_channels are multiples of 8 and columns 1 or more, got {options}")
        self.halvings = 2 ** (len(widths) - 1)
        self.columns = options.columns
        self.from_cond = nn.Linear(cond_size, widths[0])
        self.from_z = nn.Linear(latent_size, widths[0])
        self.unet = _unet(latent_size, options)
        zero_init(self.unet.conv_out)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """``z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)``."""
        x = (self.from_z(z) + self.from_cond(cond).unsqueeze(1)).flatten(0, 1).mT  # (B S, H, K)
        count = x.shape[-1]
        rows = -(-count // self.columns)
        pixels = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        folded = F.pad(pixels, (0, rows * self.columns - count))
        image = folded.reshape(*folded.shape[:2], rows, self.columns)
        image = F.pad(image, (0, -self.columns % self.halvings, 0, -rows % self.halvings))  # (B S, H + 1, R, W)
        made = self.unet(image, t.flatten()).sample[..., :rows, : self.columns]  # (B S, D, rows, columns)
        return torch.as_tensor(made.flatten(2)[..., :count].mT).reshape(z.shape)


def _unet(latent_size: int, options: UNet2DOptions) -> Any:
    from diffusers import UNet2DModel

    levels = len(options.block_out_channels)
    deepest = "Attn" if options.attention else ""
    return UNet2DModel(
        in_channels=options.block_out_channels[0] + 1,
        out_channels=latent_size,
        layers_per_block=1,
        block_out_channels=options.block_out_channels,
        down_block_types=("DownBlock2D",) * (levels - 1) + (f"{deepest}DownBlock2D",),
        up_block_types=(f"{deepest}UpBlock2D",) + ("UpBlock2D",) * (levels - 1),
        norm_num_groups=8,
        attention_head_dim=8,
        add_attention=options.attention,
    )
