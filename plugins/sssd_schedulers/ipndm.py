"""iPNDM (Zhang & Chen 2023, appendix): PNDM's fourth-order averaging of the noise, started without Runge-Kutta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import NoOptions, SchedulerSpec
from sssd_schedulers.common import require_betas

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


def make_ipndm(schedule: NoiseSchedule, options: NoOptions) -> Any:  # noqa: ARG001 - every factory takes them
    from sssd_schedulers.ipndm_trained import TrainedIPNDM

    require_betas(TrainedIPNDM, schedule)
    return TrainedIPNDM(schedule)


IPNDM = SchedulerSpec("ipndm", "deterministic, fourth order multistep on the noise prediction", make_ipndm, order=2)
