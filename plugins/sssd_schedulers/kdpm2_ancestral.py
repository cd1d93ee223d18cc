"""DPM2 ancestral (k-diffusion's sample_dpm_2_ancestral): DPM2 past the goal, then noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, Spacing, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class KDPM2AncestralOptions(SigmaOptions):
    """Options of ancestral KDPM2.

    ``trailing`` and ``linspace`` start where cosine betas have a sigma of 20,000. From there the midpoint of a long
    step is of no use: they take 20 steps or more.
    """

    timestep_spacing: Spacing = "leading"


def make_kdpm2_ancestral(schedule: NoiseSchedule, options: KDPM2AncestralOptions) -> Any:
    from diffusers import KDPM2AncestralDiscreteScheduler

    return variance_preserving(KDPM2AncestralDiscreteScheduler, schedule, options)


KDPM2_ANCESTRAL = SchedulerSpec(
    "kdpm2-ancestral",
    "stochastic, second order midpoint; two network calls a step",
    make_kdpm2_ancestral,
    KDPM2AncestralOptions,
)
