"""DPM-Solver++ SDE (k-diffusion's sample_dpmpp_sde): the midpoint method with Brownian noise, two calls a step."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


def make_dpm_sde(schedule: NoiseSchedule, options: SigmaOptions) -> Any:
    from sssd_schedulers.dpm_sde_brownian import BrownianDPMSDE

    return variance_preserving(BrownianDPMSDE, schedule, options)


def _unavailable() -> str:
    missing = importlib.util.find_spec("torchsde") is None
    return "needs torchsde: pip install 'sssd-registry[sde]'" if missing else ""


DPM_SDE = SchedulerSpec(
    "dpm-sde",
    "stochastic, second order midpoint; two network calls a step",
    make_dpm_sde,
    SigmaOptions,
    unavailable=_unavailable,
)
