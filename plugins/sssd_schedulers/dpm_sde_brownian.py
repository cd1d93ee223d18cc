"""diffusers' DPM-Solver++ SDE with its Brownian path drawn from ordinary noise, so that seeds and engines know it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DPMSolverSDEScheduler
from torch import Tensor


class BrownianPath:
    """Increments of one Brownian motion in sigma, over their root length.

    A step asks twice: from sigma to its midpoint, then from sigma to its end, which is the first part and one more.
    """

    def __init__(self) -> None:
        self.like = torch.zeros(())
        self.first: tuple[float, Tensor] | None = None

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        drawn = torch.randn(self.like.shape, dtype=self.like.dtype, device=self.like.device)
        if self.first is None:
            self.first = (float(sigma_next), drawn)
            return drawn
        (midpoint, before), self.first = self.first, None
        # Whole step, both parts: their shares of its variance.
        share = (float(sigma) - midpoint) / (float(sigma) - float(sigma_next))
        return torch.add(before * share**0.5, drawn, alpha=(1 - share) ** 0.5)


class BrownianDPMSDE(DPMSolverSDEScheduler):  # type: ignore[misc]  # diffusers publishes no types
    """diffusers draws the path by torchsde, from a seed of its own, which no loop can hand in."""

    def set_timesteps(self, *arguments: Any, **options: Any) -> None:
        super().set_timesteps(*arguments, **options)
        self.noise_sampler = BrownianPath()

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
        self.noise_sampler.like = sample
        return super().step(model_output, timestep, sample, **options)
