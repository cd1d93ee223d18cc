"""Euler ancestral (k-diffusion's sample_euler_ancestral): a step down past the goal, then noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SpacingOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class EulerAncestralOptions(SpacingOptions):
    """Spacing of its time steps."""


def make_euler_ancestral(schedule: NoiseSchedule, options: EulerAncestralOptions) -> Any:
    from diffusers import EulerAncestralDiscreteScheduler

    return variance_preserving(EulerAncestralDiscreteScheduler, schedule, options)


EULER_ANCESTRAL = SchedulerSpec(
    "euler-ancestral",
    "stochastic, first order, in sigma",
    make_euler_ancestral,
    EulerAncestralOptions,
)
