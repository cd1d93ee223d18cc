"""DPM-Solver++ singlestep (Lu et al. 2022b, algorithm 1): each group of steps starts afresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaChoice, any_process

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class SinglestepOptions(SigmaChoice):
    """``sde-dpmsolver++`` draws noise in every step. Its time steps are always evenly spaced, the last included."""

    algorithm_type: Literal["dpmsolver++", "sde-dpmsolver++"] = "dpmsolver++"
    solver_order: Literal[1, 2, 3] = 2
    solver_type: Literal["midpoint", "heun"] = "midpoint"
    final_sigmas_type: Literal["zero", "sigma_min"] = "zero"


def make_singlestep(schedule: NoiseSchedule, options: SinglestepOptions) -> Any:
    from diffusers import DPMSolverSinglestepScheduler

    return any_process(DPMSolverSinglestepScheduler, schedule, options, thresholding=False, lower_order_final=True)


DPMSOLVER_PP_SINGLESTEP = SchedulerSpec(
    "dpmsolver++-singlestep",
    "deterministic, second order, no memory beyond a pair of steps",
    make_singlestep,
    SinglestepOptions,
    order=2,
)
