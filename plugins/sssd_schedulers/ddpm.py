"""DDPM (Ho, Jain & Abbeel 2020, algorithm 2): ancestral sampling, one draw a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SpacingOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class DDPMOptions(SpacingOptions):
    """``fixed_small`` and ``fixed_large`` are the two variances of Ho et al. 2020, section 3.2."""

    variance_type: Literal["fixed_small", "fixed_large"] = "fixed_small"


def make_ddpm(schedule: NoiseSchedule, options: DDPMOptions) -> Any:
    from diffusers import DDPMScheduler

    return variance_preserving(DDPMScheduler, schedule, options, clip_sample=False)


DDPM = SchedulerSpec("ddpm", "stochastic, first order; best with hundreds of steps", make_ddpm, DDPMOptions)
