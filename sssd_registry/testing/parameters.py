"""Networks as after some training, where a test needs one."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def fill_zeros(module: nn.Module, std: float = 0.2) -> None:
    """Draw every parameter that is all zero from a normal distribution, the same in every call.

    A head may well start by putting out nothing, and a layer of zeros proves little.
    """
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        if not parameter.any():
            parameter.normal_(std=std, generator=generator)
