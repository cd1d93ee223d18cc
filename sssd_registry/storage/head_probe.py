"""Probe of a head: a few numbers that tell whether a factory given from Python makes the network that was trained.

A plugin has a version. A function in a notebook is edited: where the shapes stay, weights still fit, and forecasts
would be others without a word.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.model.network import SSSDNetwork

_NUMBERS = 16
# Of their typical size. Other processors and precisions of products give other roundings.
_TOLERANCE = 0.02

HeadProbe = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(max_length=_NUMBERS)]


def probe_head(network: SSSDNetwork) -> tuple[float, ...]:
    """Some of the head's output for fixed inputs, two samples of one window at different time steps."""
    count, size = network.latent_shape
    width = network.config.context_size + (network.config.token_size if network.tokens else 0)
    t = torch.tensor([[0.1, 0.7]], device=network.device) * network.config.num_train_timesteps
    z, condition = _wave(1, 2, count, size), _wave(1, count, width)
    training = network.head.training
    with torch.no_grad():
        made = network.head.eval()(*(tensor.to(network.device, network.dtype) for tensor in (z, t, condition)))
    network.head.train(training)
    numbers = made.float().cpu().flatten().numpy()
    return tuple(float(numbers[place]) for place in np.linspace(0, len(numbers) - 1, _NUMBERS).astype(int))


def check_probe(network: SSSDNetwork, saved: tuple[float, ...], folder: object) -> None:
    """Compare the head with what it was when its model was saved.

    Raises:
        SSSDError: it computes something else.
    """
    now, before = np.array(probe_head(network)), np.array(saved)
    off = float(np.abs(now - before).max()) if now.shape == before.shape else math.inf
    if not off <= _TOLERANCE * float(np.sqrt(np.mean(before**2))) + 1e-6:
        raise SSSDError(
            f"{folder} was saved with another head than {network.config.head}, or it was changed since: from the same"
            f" weights it computes other numbers (off by {off:.2g}); give the head that the model was trained with"
        )


def _wave(*shape: int) -> Tensor:
    """Numbers between -1.5 and 1.5, no two of them alike."""
    return (1.5 * torch.sin(1.7 * torch.arange(1.0, math.prod(shape) + 1))).reshape(shape)
