"""DDIM (Song, Meng & Ermon 2021, eq. 12 and 16): first order, deterministic for eta = 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SpacingOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class DDIMOptions:
    """``eta`` scales the noise that each step draws: 0 none, 1 as much as DDPM.

    diffusers offers ``linspace`` spacing too, but its steps then do not lead from one time step to the next, as the
    check of :mod:`sssd_registry.sampling.process_check` shows.
    """

    timestep_spacing: Literal["trailing", "leading"] = "trailing"
    eta: float = 0.0


def make_ddim(schedule: NoiseSchedule, options: DDIMOptions) -> Any:
    from diffusers import DDIMScheduler

    fixed = {"clip_sample": False, "set_alpha_to_one": True}
    spacing = SpacingOptions(options.timestep_spacing)
    if options.eta == 0.0:
        return variance_preserving(DDIMScheduler, schedule, spacing, **fixed)
    from sssd_schedulers.with_eta import EtaDDIM

    scheduler = variance_preserving(EtaDDIM, schedule, spacing, **fixed)
    scheduler.eta = options.eta
    return scheduler


DDIM = SchedulerSpec(
    "ddim", "deterministic, first order; the usual reference at 50–100 steps", make_ddim, DDIMOptions, order=1
)
