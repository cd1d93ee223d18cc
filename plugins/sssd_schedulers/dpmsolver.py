"""DPM-Solver++ multistep (Lu et al. 2022b, algorithm 2): second or third order, one network call a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sssd_registry.hookspecs import SchedulerSpec
from sssd_registry.schedule import NoiseSchedule


@dataclass(frozen=True)
class DPMSolverOptions:
    """``sde-dpmsolver++`` draws noise in every step; the others are deterministic."""

    algorithm_type: Literal["dpmsolver++", "sde-dpmsolver++"] = "dpmsolver++"
    solver_order: Literal[1, 2, 3] = 2
    timestep_spacing: Literal["trailing", "leading", "linspace"] = "trailing"
    use_karras_sigmas: bool = False


def make_dpmsolver(schedule: NoiseSchedule, options: DPMSolverOptions) -> Any:
    from diffusers import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler(
        **schedule.scheduler_config(),
        algorithm_type=options.algorithm_type,
        solver_order=options.solver_order,
        timestep_spacing=options.timestep_spacing,
        use_karras_sigmas=options.use_karras_sigmas,
        thresholding=False,
    )


DPMSOLVER_PP = SchedulerSpec(
    "dpmsolver++",
    "deterministic, second order multistep; the default at 10–20 steps",
    make_dpmsolver,
    DPMSolverOptions,
)
