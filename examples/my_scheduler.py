"""A scheduler as a plugin in one file: DDIM (Song, Meng & Ermon 2021) with an option.

Plugins are found by an entry point of the group `sssd_registry`. In the pyproject.toml of a distribution with this
module (`sssd new-plugin my-scheduler` writes one, with tests) that is

    [project.entry-points.sssd_registry]
    my-scheduler = "my_scheduler"

Then `sssd plugins` lists it, and every command takes it:

    sssd forecast MODEL DATA.csv --scheduler my-scheduler:power=2 --steps 10
"""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from sssd_registry import SchedulerSpec, hookimpl

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class Options:
    """1 spaces time steps evenly; more puts more of them near the data."""

    power: float = 1.0


class Scheduler:
    def __init__(self, schedule, options):
        if not options.power > 0:
            raise ValueError(f"power has to be above 0, got {options.power}")
        self.schedule = schedule  # of z = alpha x0 + sigma eps, and what the network predicts
        self.power = options.power

    def set_timesteps(self, num_inference_steps, device=None):
        import torch  # here: `sssd plugins` imports every plugin, and torch takes seconds

        left = np.linspace(1, 0, num_inference_steps + 1)[:-1] ** self.power  # 1 at the first step
        self.timesteps = torch.from_numpy(self.schedule.timesteps[-1] * left).to(device)
        alpha, sigma = self.schedule.marginal(self.timesteps.numpy(force=True))
        self.path = [*zip(alpha.tolist(), sigma.tolist(), strict=True), (1.0, 0.0)]  # the last step ends at the data
        self.index = 0

    def step(self, model_output, timestep, sample):
        (alpha, sigma), (alpha_next, sigma_next) = self.path[self.index : self.index + 2]
        self.index += 1
        x0, eps = self.data_and_noise(model_output, sample, alpha, sigma)
        return SimpleNamespace(prev_sample=alpha_next * x0 + sigma_next * eps)

    def data_and_noise(self, output, z, alpha, sigma):
        match self.schedule.prediction_type:
            case "v_prediction":
                return alpha * z - sigma * output, sigma * z + alpha * output
            case "epsilon":
                return (z - sigma * output) / alpha, output
            case "sample":
                return output, (z - alpha * output) / sigma
        raise ValueError(f"my-scheduler does not know {self.schedule.prediction_type}")


@hookimpl
def register_schedulers():
    return [SchedulerSpec("my-scheduler", "DDIM with time steps spaced by a power", Scheduler, Options, order=1)]
