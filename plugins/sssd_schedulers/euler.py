"""Euler's method in sigma (Karras et al. 2022, algorithm 2 without churn)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class EulerOptions(SigmaOptions):
    """``sigma_min`` and ``sigma_max`` bound the Karras and the exponential sigmas."""

    sigma_min: float | None = None
    sigma_max: float | None = None
    final_sigmas_type: Literal["zero", "sigma_min"] = "zero"


def make_euler(schedule: NoiseSchedule, options: EulerOptions) -> Any:
    from diffusers import EulerDiscreteScheduler

    return variance_preserving(EulerDiscreteScheduler, schedule, options)


EULER = SchedulerSpec(
    "euler",
    "deterministic, first order, in sigma",
    make_euler,
    EulerOptions,
    order=1,
)
