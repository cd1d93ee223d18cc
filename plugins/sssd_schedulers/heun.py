"""Heun's method in sigma (Karras et al. 2022, algorithm 1): two network calls a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, Spacing, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class HeunOptions(SigmaOptions):
    """Options of Heun's method.

    ``trailing`` and ``linspace`` start where cosine betas have a sigma of 20,000. The mean of a slope there and one
    after a step of that length is far off, and takes 50 steps to settle.
    """

    timestep_spacing: Spacing = "leading"


def make_heun(schedule: NoiseSchedule, options: HeunOptions) -> Any:
    from diffusers import HeunDiscreteScheduler

    return variance_preserving(HeunDiscreteScheduler, schedule, options, clip_sample=False)


HEUN = SchedulerSpec(
    "heun",
    "deterministic, second order, in sigma; two network calls a step",
    make_heun,
    HeunOptions,
    order=2,
)
