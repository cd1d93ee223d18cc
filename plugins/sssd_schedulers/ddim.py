"""DDIM (Song, Meng & Ermon 2021, eq. 12 with sigma_t = 0): first order, deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sssd_registry.hookspecs import SchedulerSpec
from sssd_registry.schedule import NoiseSchedule


@dataclass(frozen=True)
class DDIMOptions:
    """``trailing`` starts at the last training step, as pure noise asks for (Lin et al. 2024, section 3.3)."""

    timestep_spacing: Literal["trailing", "leading", "linspace"] = "trailing"


def make_ddim(schedule: NoiseSchedule, options: DDIMOptions) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        **schedule.scheduler_config(),
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing=options.timestep_spacing,
    )


DDIM = SchedulerSpec("ddim", "deterministic, first order; the usual reference at 50–100 steps", make_ddim, DDIMOptions)
