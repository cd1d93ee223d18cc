"""diffusers' EDM schedulers around a variance-preserving network.

With sigma = sigma_t / alpha_t, EDM's state is ``x = z_t / alpha_t``, so ``z_t = x / sqrt(1 + sigma²)``: its input
scaling c_in with sigma_data = 1 (Karras et al. 2022, table 1, the VP column has the same). What differs is how the
network is told the noise level, by training's time steps, and what it predicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import EDMDPMSolverMultistepScheduler, EDMEulerScheduler
from torch import Tensor

from sssd_schedulers.predictions import to_x0

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


class _Preconditioning:
    """The two functions of diffusers' EDM schedulers that know the network."""

    def __init__(self, schedule: NoiseSchedule, **options: Any) -> None:
        self.schedule = schedule  # first, as diffusers' __init__ asks for time steps
        steps = schedule.num_train_timesteps
        super().__init__(sigma_data=1.0, num_train_timesteps=steps, **options)  # type: ignore[call-arg]  # a mix-in

    def precondition_noise(self, sigma: float | Tensor) -> Tensor:
        """Time steps, fractional, of noise levels."""
        log_ratios = np.log(self.schedule.sigmas / self.schedule.alphas)
        wanted = np.log(torch.as_tensor(sigma, dtype=torch.float64).numpy())
        return torch.from_numpy(np.atleast_1d(np.interp(wanted, log_ratios, self.schedule.timesteps)))

    def precondition_outputs(self, sample: Tensor, model_output: Tensor, sigma: Tensor) -> Any:
        """The data that a network output means."""
        alpha = 1 / (1 + sigma**2) ** 0.5
        return to_x0(self.schedule.prediction_type, alpha * sample, model_output, alpha, alpha * sigma)


class PreconditionedEuler(_Preconditioning, EDMEulerScheduler):  # type: ignore[misc]  # diffusers publishes no types
    """Euler."""


class PreconditionedDPM(_Preconditioning, EDMDPMSolverMultistepScheduler):  # type: ignore[misc]  # as above
    """DPM-Solver++ multistep."""
