"""diffusers' PNDM, averaging over the noise whatever the network predicts."""

from __future__ import annotations

from typing import Any

from diffusers import PNDMScheduler
from torch import Tensor

from sssd_schedulers.predictions import to_eps


class EpsPNDM(PNDMScheduler):  # type: ignore[misc]  # diffusers publishes no types
    """PNDM averages network outputs of several time steps, as Liu et al. do with the noise.

    diffusers does it with v as well, which means another thing at each time step: first order, and off the process.
    """

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        if num_inference_steps < 4 and not self.config.skip_prk_steps:
            raise ValueError("its Runge-Kutta start takes 4 steps or more, without skip_prk_steps=true")
        super().set_timesteps(num_inference_steps, device)

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
        share = self.alphas_cumprod[timestep]
        eps = to_eps(self.config.prediction_type, sample, model_output, share**0.5, (1 - share) ** 0.5)
        return super().step(eps, timestep, sample, **options)

    def _get_prev_sample(self, sample: Tensor, timestep: Any, prev_timestep: Any, eps: Tensor) -> Any:
        """Liu et al. 2022, eq. 11: the transfer part for a given noise."""
        now = self.alphas_cumprod[timestep]
        before = self.alphas_cumprod[prev_timestep] if prev_timestep >= 0 else self.final_alpha_cumprod
        x0 = (sample - (1 - now) ** 0.5 * eps) / now**0.5
        return before**0.5 * x0 + (1 - before) ** 0.5 * eps
