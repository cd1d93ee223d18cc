"""Paths of encoded windows, in standard units: in closed form, or with a solver and the network's head."""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.noise import PathNoise
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau


@torch.no_grad()
def standard_paths(
    network: SSSDNetwork, condition: Tensor | None, tableau: SolverTableau | None, bars: Tensor, noise: PathNoise
) -> Tensor:
    """Sample paths, calibrated, float32 ``(B, S, K, C)``.

    With the same noise, a horizon's samples do not depend on which others are asked for.

    Args:
        network: in evaluation mode.
        condition: of B windows, :meth:`SSSDNetwork.condition`; not needed where the network is not in use.
        tableau: the solver; not needed there either.
        bars: K horizons, ``(K,)``.
        noise: on the network's device.
    """
    rows = network.correlation.rows(bars)
    start = network.start(noise.paths, rows)
    if not network.in_use or condition is None or tableau is None:
        return network.calibrated(start, bars)
    first = network.first_latents(noise.paths)  # (B, S, K, D)
    last = sample(network.denoiser(condition), tableau, noise.of_solver(first))
    return network.calibrated(network.moved(start, first, last, rows), bars)
