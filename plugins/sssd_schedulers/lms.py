"""Linear multistep in sigma (k-diffusion's sample_lms): Adams-Bashforth of up to fourth order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class LMSOptions(SigmaOptions):
    """Spacing of its time steps and sigmas."""


def make_lms(schedule: NoiseSchedule, options: LMSOptions) -> Any:
    from diffusers import LMSDiscreteScheduler

    return variance_preserving(LMSDiscreteScheduler, schedule, options)


LMS = SchedulerSpec(
    "lms",
    "deterministic, fourth order multistep, in sigma",
    make_lms,
    LMSOptions,
    order=3,  # of fourth, after three steps of lower order
)
