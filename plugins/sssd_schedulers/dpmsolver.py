"""DPM-Solver++ multistep (Lu et al. 2022b, algorithm 2): one network call a step, finite memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, any_process

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class DPMSolverOptions(SigmaOptions):
    """``sde-`` draws noise in every step; ``dpmsolver`` predicts the noise instead of the data (Lu et al. 2022a).

    ``use_lu_lambdas`` spaces steps evenly in log-SNR (Lu et al. 2022a, section 3.4).
    """

    algorithm_type: Literal["dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver"] = "dpmsolver++"
    solver_order: Literal[1, 2, 3] = 2
    solver_type: Literal["midpoint", "heun"] = "midpoint"
    lower_order_final: bool = True
    euler_at_final: bool = False
    use_lu_lambdas: bool = False
    final_sigmas_type: Literal["zero", "sigma_min"] = "zero"


def make_dpmsolver(schedule: NoiseSchedule, options: DPMSolverOptions) -> Any:
    from diffusers import DPMSolverMultistepScheduler

    return any_process(DPMSolverMultistepScheduler, schedule, options, thresholding=False)


DPMSOLVER_PP = SchedulerSpec(
    "dpmsolver++",
    "deterministic, second order multistep; the default at 10–20 steps",
    make_dpmsolver,
    DPMSolverOptions,
    order=2,
)
