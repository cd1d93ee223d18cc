"""What can be set of each head; apart from them because listing plugins must not import torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MLPOptions:
    """``hidden_sizes`` are the widths of the hidden layers; ``time_size`` that of the time embedding."""

    hidden_sizes: tuple[int, ...] = (128, 128, 64)
    time_size: int = 64


@dataclass(frozen=True)
class AdaLNOptions:
    """``width`` of the residual stream, number of ``blocks``, ``dropout`` inside a block, ``time_size``."""

    width: int = 128
    blocks: int = 3
    dropout: float = 0.0
    time_size: int = 64


@dataclass(frozen=True)
class DiTOptions:
    """``width`` of a horizon's token, number of ``blocks`` and attention ``heads``, ``dropout``, ``time_size``."""

    width: int = 64
    blocks: int = 3
    heads: int = 4
    dropout: float = 0.0
    time_size: int = 64


@dataclass(frozen=True)
class UNet1DOptions:
    """``block_out_channels`` as in diffusers, multiples of 32, one number for each level; ``time_size``."""

    block_out_channels: tuple[int, ...] = (32, 32)
    time_size: int = 64


@dataclass(frozen=True)
class UNet2DOptions:
    """``columns`` of the image that the horizons are folded into; the rest as in diffusers.

    ``block_out_channels`` are multiples of 8, one number for each level; ``attention`` puts some into the deepest.
    """

    columns: int = 6
    block_out_channels: tuple[int, ...] = (32, 64)
    attention: bool = False


@dataclass(frozen=True)
class FiLMUNetOptions:
    """``widths`` of the levels, ``kernel_size`` (odd) along the horizons, ``time_size``."""

    widths: tuple[int, ...] = (64, 128)
    kernel_size: int = 3
    time_size: int = 64
