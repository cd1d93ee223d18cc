"""Options of each head; apart from the heads because listing plugins must not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

# What pydantic checks, without importing it: listing plugins must be quick.
from annotated_types import Ge, Interval, Lt, MinLen

# Widths, numbers of blocks and of heads: one or more, and few enough for a tensor.
Size = Annotated[int, Interval(ge=1, le=65_536)]
TimeSize = Annotated[int, Interval(ge=2, le=65_536)]  # a sine and a cosine at least
Share = Annotated[float, Ge(0), Lt(1)]
Columns = Annotated[int, Interval(ge=1, le=4_096)]


@dataclass(frozen=True)
class MLPOptions:
    """``hidden_sizes`` are the widths of the hidden layers; ``time_size`` that of the time embedding."""

    hidden_sizes: Annotated[tuple[Size, ...], MinLen(1)] = (128, 128, 64)
    time_size: TimeSize = 64


@dataclass(frozen=True)
class AdaLNOptions:
    """``width`` of the residual stream, number of ``blocks``, ``dropout`` inside a block, ``time_size``."""

    width: Size = 128
    blocks: Size = 3
    dropout: Share = 0.0
    time_size: TimeSize = 64


@dataclass(frozen=True)
class AttendOptions:
    """``width`` of the residual stream, number of ``blocks`` and attention ``heads``, ``dropout``, ``time_size``."""

    width: Size = 64
    blocks: Size = 2
    heads: Size = 4
    dropout: Share = 0.0
    time_size: TimeSize = 64


@dataclass(frozen=True)
class DiTOptions:
    """``width`` of a horizon's token, number of ``blocks`` and attention ``heads``, ``dropout``, ``time_size``."""

    width: Size = 64
    blocks: Size = 3
    heads: Size = 4
    dropout: Share = 0.0
    time_size: TimeSize = 64


@dataclass(frozen=True)
class UNet1DOptions:
    """``block_out_channels`` as in diffusers, multiples of 32, one number for each level; ``time_size``."""

    block_out_channels: tuple[Size, ...] = (32, 32)
    time_size: TimeSize = 64


@dataclass(frozen=True)
class UNet2DOptions:
    """``columns`` of the image that the horizons are folded into; the rest as in diffusers.

    ``block_out_channels`` are multiples of 8, one number for each level; ``attention`` puts some into the deepest.
    """

    columns: Columns = 6
    block_out_channels: tuple[Size, ...] = (32, 64)
    attention: bool = False


@dataclass(frozen=True)
class FiLMUNetOptions:
    """``widths`` of the levels, ``kernel_size`` (odd) along the horizons, ``time_size``."""

    widths: tuple[Size, ...] = (64, 128)
    kernel_size: Size = 3
    time_size: TimeSize = 64
