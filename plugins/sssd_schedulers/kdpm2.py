"""DPM2 (k-diffusion's sample_dpm_2): the midpoint method in log sigma, two network calls a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class KDPM2Options(SigmaOptions):
    """Spacing of its time steps and sigmas."""


def make_kdpm2(schedule: NoiseSchedule, options: KDPM2Options) -> Any:
    from diffusers import KDPM2DiscreteScheduler

    return variance_preserving(KDPM2DiscreteScheduler, schedule, options)


KDPM2 = SchedulerSpec(
    "kdpm2",
    "deterministic, second order midpoint; two network calls a step",
    make_kdpm2,
    KDPM2Options,
    order=2,
)
