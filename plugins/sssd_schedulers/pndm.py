"""PNDM (Liu et al. 2022, eq. 11–13 and algorithm 2): linear multistep over a transfer part that DDIM gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import variance_preserving

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class PNDMOptions:
    """Options of PNDM: ``skip_prk_steps`` starts by lower-order steps, without the Runge-Kutta steps of 9 more calls.

    ``trailing`` starts where alpha is all but zero: its Runge-Kutta steps, which divide by it, take 50 steps or more
    to settle with cosine betas. As with DDIM, ``linspace`` does not lead from one time step to the next.
    """

    timestep_spacing: Literal["leading", "trailing"] = "leading"
    skip_prk_steps: bool = False


def make_pndm(schedule: NoiseSchedule, options: PNDMOptions) -> Any:
    from sssd_schedulers.pndm_eps import EpsPNDM

    return variance_preserving(EpsPNDM, schedule, options, set_alpha_to_one=True)


PNDM = SchedulerSpec(
    "pndm", "deterministic, second order multistep; 9 more network calls than steps", make_pndm, PNDMOptions, order=2
)
