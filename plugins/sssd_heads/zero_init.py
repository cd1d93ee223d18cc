"""Where a head's training begins."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def zero_init(layer: Layer) -> Layer:
    """A last layer that puts out nothing yet.

    With v-prediction and a variance-preserving schedule this is the exact answer for standard normal data: an
    untrained model forecasts what its standard units start from, and training only adds what it finds beyond.
    """
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
