"""Exponential Heun: each step is taken twice, the second time with a line through the data at both of its ends.

In l = log(alpha / sigma) the probability flow ODE is z / sigma = z_0 / sigma_0 + integral of exp(l) x0(l) dl; a line
for x0 is integrated exactly. Knows no diffusers, no ONNX, and nothing of sssd-registry but the noise schedule.
"""

from types import SimpleNamespace

import numpy as np
import torch


class ExponentialHeun:
    init_noise_sigma = 1.0

    def __init__(self, schedule, power):
        self.schedule = schedule
        self.power = power

    def set_timesteps(self, num_inference_steps, device=None):
        trained = self.schedule.num_train_timesteps
        share = (np.arange(num_inference_steps, 0, -1) / num_inference_steps) ** self.power
        grid = self.schedule.timesteps[np.maximum(np.round(share * trained).astype(int) - 1, 0)]
        alpha, sigma = self.schedule.marginal(grid)
        self.alphas, self.sigmas = [*alpha.tolist(), 1.0], [*sigma.tolist(), 0.0]
        # Every step but the last, to the data themselves, looks at its end before it is taken.
        self.timesteps = torch.from_numpy(np.concatenate([grid[:1], np.repeat(grid[1:], 2)])).to(device)
        self.step_number = 0
        self.held = None

    def scale_model_input(self, sample, timestep):
        return sample

    def step(self, model_output, timestep, sample, generator=None):
        at_the_end = self.held is not None
        index = self.step_number + at_the_end
        x0 = self.data(model_output, sample, self.alphas[index], self.sigmas[index])
        if at_the_end:
            start, first = self.held
            made = self.move(start, first, x0)
            self.held = None
            self.step_number += 1
        elif self.sigmas[self.step_number + 1] == 0.0:
            made = x0
        else:
            made = self.move(sample, x0, x0)
            self.held = (sample, x0)
        return SimpleNamespace(prev_sample=made)

    def move(self, z, first, second):
        """One step with the line from ``first`` to ``second``."""
        i = self.step_number
        alpha, alpha_next = self.alphas[i], self.alphas[i + 1]
        sigma, sigma_next = self.sigmas[i], self.sigmas[i + 1]
        length = np.log(alpha_next / sigma_next) - np.log(max(alpha, 1e-9) / sigma)
        even = -np.expm1(-length)  # integral of exp(s) from -length to 0
        late = (np.exp(-length) - 1 + length) / length  # of exp(s) (1 + s / length)
        return sigma_next / sigma * z + alpha_next * ((even - late) * first + late * second)

    def data(self, output, z, alpha, sigma):
        """The data that a network output means."""
        return {
            "v_prediction": lambda: alpha * z - sigma * output,
            "flow_prediction": lambda: z - sigma * output,
            "epsilon": lambda: (z - sigma * output) / alpha,
            "sample": lambda: output,
        }[self.schedule.prediction_type]()
