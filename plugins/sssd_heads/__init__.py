"""First-party noise heads. One architecture a file; torch is imported only when one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sssd_heads.head_options import (
    AdaLNOptions,
    AttendOptions,
    DiTOptions,
    FiLMUNetOptions,
    MLPOptions,
    UNet1DOptions,
    UNet2DOptions,
)
from sssd_registry.plugin_api.hookspecs import HeadSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn

SSSD_HOOK_API = 1


def make_mlp(latent_size: int, cond_size: int, options: MLPOptions) -> nn.Module:
    from sssd_heads.mlp import MLPHead

    return MLPHead(latent_size, cond_size, options)


def make_adaln(latent_size: int, cond_size: int, options: AdaLNOptions) -> nn.Module:
    from sssd_heads.adaln import AdaLNHead

    return AdaLNHead(latent_size, cond_size, options)


def make_attend(latent_size: int, cond_size: int, options: AttendOptions) -> nn.Module:
    from sssd_heads.attend import AttendHead

    return AttendHead(latent_size, cond_size, options)


def make_dit(latent_size: int, cond_size: int, options: DiTOptions) -> nn.Module:
    from sssd_heads.dit import DiTHead

    return DiTHead(latent_size, cond_size, options)


def make_film_unet(latent_size: int, cond_size: int, options: FiLMUNetOptions) -> nn.Module:
    from sssd_heads.film_unet import FiLMUNetHead

    return FiLMUNetHead(latent_size, cond_size, options)


def make_unet1d(latent_size: int, cond_size: int, options: UNet1DOptions) -> nn.Module:
    from sssd_heads.unet1d import UNet1DHead

    return UNet1DHead(latent_size, cond_size, options, attention=False)


def make_unet1d_attn(latent_size: int, cond_size: int, options: UNet1DOptions) -> nn.Module:
    from sssd_heads.unet1d import UNet1DHead

    return UNet1DHead(latent_size, cond_size, options, attention=True)


def make_unet2d(latent_size: int, cond_size: int, options: UNet2DOptions) -> nn.Module:
    from sssd_heads.unet2d import UNet2DHead

    return UNet2DHead(latent_size, cond_size, options)


@hookimpl
def register_heads() -> list[HeadSpec]:
    return [
        HeadSpec("mlp", "multi-layer perceptron on all of a path at once; small and fast", make_mlp, MLPOptions),
        HeadSpec("adaln", "residual MLP with adaptive layer norm, on all of a path at once", make_adaln, AdaLNOptions),
        HeadSpec(
            "attend", "residual MLP that attends to tokens of the window's past", make_attend, AttendOptions, past=True
        ),
        HeadSpec("dit", "diffusion transformer over a path's components", make_dit, DiTOptions, tokens=True),
        HeadSpec(
            "film-unet", "1-D U-Net modulated by time and condition", make_film_unet, FiLMUNetOptions, tokens=True
        ),
        HeadSpec("unet1d", "diffusers' UNet1DModel along a path's components", make_unet1d, UNet1DOptions, tokens=True),
        HeadSpec("unet1d-attn", "the same with attention in every level", make_unet1d_attn, UNet1DOptions, tokens=True),
        HeadSpec(
            "unet2d",
            "diffusers' UNet2DModel on an image of a path's components",
            make_unet2d,
            UNet2DOptions,
            tokens=True,
        ),
    ]
