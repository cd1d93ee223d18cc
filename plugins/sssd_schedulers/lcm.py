"""LCM (Luo et al. 2023, section 4): predict the data, add noise anew; for distilled networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class LCMOptions:
    """``timestep_scaling`` is how fast the boundary condition gives way (Luo et al. 2023, eq. 9)."""

    timestep_scaling: float = 10.0


def make_lcm(schedule: NoiseSchedule, options: LCMOptions) -> Any:
    from diffusers import LCMScheduler

    return variance_preserving(
        LCMScheduler, schedule, options,
        clip_sample=False, thresholding=False, original_inference_steps=schedule.num_train_timesteps,
    )  # fmt: skip


LCM = SchedulerSpec(
    "lcm", "consistency sampling in 1–8 steps, for a distilled network only", make_lcm, LCMOptions, consistency=True
)
