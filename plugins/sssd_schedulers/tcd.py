"""TCD (Zheng et al. 2024, strategic stochastic sampling): DDIM past the goal, then noise back up to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class TCDOptions:
    """Options of TCD.

    ``eta``, the paper's gamma, is how far past the goal: 0 is DDIM. The paper's 0.3 is for distilled networks, and
    with others does not come closer to the data with more steps.
    """

    eta: float = 0.0


def make_tcd(schedule: NoiseSchedule, options: TCDOptions) -> Any:
    from sssd_schedulers.with_eta import EtaTCD

    @dataclass(frozen=True)
    class Fixed:
        original_inference_steps: int = schedule.num_train_timesteps

    scheduler = variance_preserving(EtaTCD, schedule, Fixed(), clip_sample=False, thresholding=False)
    scheduler.eta = options.eta
    return scheduler


TCD = SchedulerSpec("tcd", "DDIM with noise to set, for distilled networks and others", make_tcd, TCDOptions)
