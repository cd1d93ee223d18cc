"""DEIS (Zhang & Chen 2023, section 3.3, the log-rho variant): exponential Adams-Bashforth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class DEISOptions(SigmaOptions):
    """Order 3 takes the last three outputs."""

    solver_order: Literal[1, 2, 3] = 2
    lower_order_final: bool = True


def make_deis(schedule: NoiseSchedule, options: DEISOptions) -> Any:
    from diffusers import DEISMultistepScheduler

    return variance_preserving(DEISMultistepScheduler, schedule, options, thresholding=False)


DEIS = SchedulerSpec(
    "deis",
    "deterministic, second order multistep on the noise prediction",
    make_deis,
    DEISOptions,
    order=2,
)
