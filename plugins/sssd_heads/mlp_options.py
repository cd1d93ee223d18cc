"""What can be set of the MLP head; apart from it because listing plugins must not import torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MLPOptions:
    """``hidden_sizes`` are the widths of the hidden layers; ``time_size`` that of the time embedding."""

    hidden_sizes: tuple[int, ...] = (128, 128, 64)
    time_size: int = 64
