"""SA-Solver (Xue et al. 2023, algorithm 1): stochastic Adams, predictor and corrector, noise by tau(t)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, check_sigmas, require_betas

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class SASolverOptions(SigmaOptions):
    """Options of the SA-Solver (Xue et al. 2023).

    ``tau`` is the noise between the time steps ``tau_from`` and ``tau_to`` (shares of T), and 0 elsewhere: 0 is an
    ODE solver, 1 the reverse SDE (section 4.1).
    """

    tau: float = 1.0
    tau_from: float = 0.2
    tau_to: float = 0.8
    predictor_order: Literal[1, 2, 3] = 2
    corrector_order: Literal[1, 2, 3] = 2
    algorithm_type: Literal["data_prediction", "noise_prediction"] = "data_prediction"
    lower_order_final: bool = True


@dataclass(frozen=True)
class Window:
    """tau as a function of the time step."""

    tau: float
    first: float
    last: float

    def __call__(self, t: Any) -> float:
        return self.tau if self.first <= float(t) <= self.last else 0.0


def make_sasolver(schedule: NoiseSchedule, options: SASolverOptions) -> Any:
    from diffusers import SASolverScheduler

    require_betas(SASolverScheduler, schedule)
    check_sigmas(schedule, options)
    chosen = asdict(options)
    steps = schedule.num_train_timesteps
    tau = Window(chosen.pop("tau"), chosen.pop("tau_from") * steps, chosen.pop("tau_to") * steps)
    return SASolverScheduler(**schedule.scheduler_config(), **chosen, tau_func=tau, thresholding=False)


SA_SOLVER = SchedulerSpec(
    "sa-solver", "stochastic, second order predictor-corrector, noise only in between", make_sasolver, SASolverOptions
)
