"""diffusers' IPNDM on the process a model was trained with; its own is fixed, whatever betas it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import IPNDMScheduler
from torch import Tensor

from sssd_schedulers.predictions import to_eps

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


class TrainedIPNDM(IPNDMScheduler):  # type: ignore[misc]  # diffusers publishes no types
    """IPNDM on the trained process: diffusers' ``betas`` are sigma_t here, and ``alphas`` alpha_t, at each step."""

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.schedule = schedule  # first, as diffusers' __init__ sets time steps
        super().__init__(num_train_timesteps=schedule.num_train_timesteps)

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        """Evenly spaced from the last training step on, ``trailing`` in Lin et al. 2024."""
        steps = self.schedule.num_train_timesteps
        timesteps = np.round(np.arange(num_inference_steps, 0, -1) * steps / num_inference_steps) - 1
        alpha, sigma = self.schedule.marginal(timesteps)
        self.num_inference_steps = num_inference_steps
        self.alphas = torch.from_numpy(np.append(alpha, 1.0))
        self.betas = torch.from_numpy(np.append(sigma, 0.0))
        self.timesteps = torch.from_numpy(timesteps).to(device)
        self.ets: list[Tensor] = []
        self._step_index = self._begin_index = None

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
        index = 0 if self.step_index is None else self.step_index
        alpha, sigma = self.alphas[index], self.betas[index]
        eps = to_eps(self.schedule.prediction_type, sample, model_output, alpha, sigma)
        # What diffusers adds up to the noise: sigma z + alpha v.
        return super().step((eps - sigma * sample) / alpha, timestep, sample, **options)
